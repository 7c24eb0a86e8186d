"""Changes as a client asks for them."""

from google.protobuf.field_mask_pb2 import FieldMask
from rejesha.billing.v1 import account_service_pb2 as pb


def change(client, account="", reason="", customer_id=0, validate_only=False, **fields):
    update = pb.CustomerUpdate(
        account=account,
        customer_id=customer_id,
        customer=pb.Customer(**fields),
        update_mask=FieldMask(paths=list(fields)),
    )
    request = pb.UpdateCustomersRequest(updates=[update], actor="Asha", reason=reason, validate_only=validate_only)
    return client.accounts.UpdateCustomers(request).results[0]


def change_isp(client, isp_id, reason="", validate_only=False, **fields):
    request = pb.UpdateIspRequest(
        isp=pb.Isp(isp_id=isp_id, **fields),
        update_mask=FieldMask(paths=list(fields)),
        actor="Asha",
        reason=reason,
        validate_only=validate_only,
    )
    return client.accounts.UpdateIsp(request)


def get(client, account="", customer_id=0):
    return client.accounts.GetCustomer(pb.GetCustomerRequest(account_name=account, customer_id=customer_id)).customer
