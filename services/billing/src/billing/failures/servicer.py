"""TaskService: what operators ask about tasks, and opening those again that were given up.

Leases and reports are in tasks.servicer: nothing here is on a payment's way.
"""

import grpc
from rejesha.billing.v1 import task_service_pb2 as pb

from billing.failures import retrying
from billing.lookup import service as lookup
from billing.tasks.rules import TaskKind
from billing.tasks.servicer import LeasingServicer


class TaskServicer(LeasingServicer):
    """See the proto for what each RPC does."""

    def RetryTasks(self, request: pb.RetryTasksRequest, context: grpc.ServicerContext) -> pb.RetryTasksResponse:
        return pb.RetryTasksResponse(task_ids=retrying.retry(self._engine, request.trans_id.strip().upper()))

    def GetTaskCounts(
        self, request: pb.GetTaskCountsRequest, context: grpc.ServicerContext
    ) -> pb.GetTaskCountsResponse:
        counts = lookup.count_tasks(self._engine)
        return pb.GetTaskCountsResponse(
            open_access_tasks=counts.open.get(TaskKind.SET_ACCESS, 0),
            open_message_tasks=counts.open.get(TaskKind.SEND_MESSAGES, 0),
            given_up_tasks=counts.given_up,
            oldest_access_due_time=counts.due_since.get(TaskKind.SET_ACCESS),
            oldest_message_due_time=counts.due_since.get(TaskKind.SEND_MESSAGES),
            oldest_given_up_time=counts.given_up_since,
        )
