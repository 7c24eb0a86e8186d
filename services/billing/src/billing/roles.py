"""Who may call what of billing. A method that is not here is nobody's."""

from servicekit.rpc.identity import Role, Table

_INTAKE, _DISPATCHER, _OPERATOR = frozenset({Role.INTAKE}), frozenset({Role.DISPATCHER}), frozenset({Role.OPERATOR})

TABLE: Table = {
    "PaymentService.RecordPayments": _INTAKE,
    "PaymentService.ValidatePayments": _INTAKE,
    "PaymentService.GetPayment": _INTAKE | _OPERATOR,  # the intake for the payment's timeline
    "PaymentService.ListPayments": _OPERATOR,
    "PaymentService.AssignPayment": _OPERATOR,
    "PaymentService.DismissPayment": _OPERATOR,
    "PaymentService.EnterPayments": _OPERATOR,
    "PaymentService.UnassignPayment": _OPERATOR,
    "PaymentService.ReversePayment": _OPERATOR,
    "PaymentService.SuggestAccounts": _OPERATOR,
    "PaymentService.CountWaiting": _INTAKE | _OPERATOR,
    "QuarantineService.QuarantineCallbacks": _INTAKE,
    "QuarantineService.GetQuarantinedCallback": _INTAKE | _OPERATOR,  # the intake replays them
    "QuarantineService.ListQuarantinedCallbacks": _OPERATOR,
    "QuarantineService.ResolveQuarantinedCallback": _INTAKE | _OPERATOR,
    "RetentionService.PurgeRecords": _OPERATOR,
    "RetentionService.EraseCustomer": _OPERATOR,
    "TaskService.LeaseTasks": _DISPATCHER,
    "TaskService.CompleteTasks": _DISPATCHER,
    "TaskService.RetryTasks": _OPERATOR,
    "TaskService.GetTaskCounts": _OPERATOR,
    "AccountService.CreateIsp": _OPERATOR,
    "AccountService.ListIsps": _OPERATOR,
    "AccountService.CreateCustomers": _OPERATOR,
    "AccountService.UpdateIsp": _OPERATOR,
    "AccountService.UpdateCustomers": _OPERATOR,
    "AccountService.ListChanges": _OPERATOR,
    "AccountService.UndoChange": _OPERATOR,
    "AccountService.GetCustomer": _OPERATOR,
    "AccountService.ListCustomers": _OPERATOR,
    "AccountService.ListCustomerEvents": _INTAKE | _OPERATOR,  # the intake for the customer's timeline
    "DriftService.CompareSecrets": _OPERATOR | _DISPATCHER,
    "DriftService.ListLineRouters": _OPERATOR | _DISPATCHER,
    "LineService.GetLine": _OPERATOR,
    "LineService.HoldLine": _OPERATOR,
    "LineService.ReleaseLine": _OPERATOR,
    "LineService.ExtendLine": _OPERATOR,
    "LineService.FixLine": _OPERATOR,
    "LineService.SweepLines": _DISPATCHER,
    "LineService.ListSwitches": _OPERATOR,
    "BulkService.PreviewBulk": _OPERATOR,
    "BulkService.ApplyBulk": _OPERATOR,
    "BulkService.UndoBulk": _OPERATOR,
    "BulkService.GetBulk": _OPERATOR,
    "BulkService.ListBulks": _OPERATOR,
    "LedgerService.ListLedgerAccounts": _OPERATOR,
    "LedgerService.ListTransfers": _OPERATOR,
    "LedgerService.ListBalanceGaps": _OPERATOR,
    "LedgerService.CheckLedger": _OPERATOR,
    "PolicyService.GetPolicy": _OPERATOR,
    "PolicyService.SetPolicy": _OPERATOR,
}
