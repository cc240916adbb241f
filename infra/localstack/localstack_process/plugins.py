"""What LocalStack finds through the package's entry points; each imports on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider

if TYPE_CHECKING:
    from localstack_process.executor import ProcessRuntimeExecutor


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """LAMBDA_RUNTIME_EXECUTOR=process."""

    name = "process"

    def load(self, *_args: object, **_kwargs: object) -> type[ProcessRuntimeExecutor]:
        """The executor's class."""
        from localstack_process.executor import ProcessRuntimeExecutor  # noqa: PLC0415 -- see above

        return ProcessRuntimeExecutor


@aws_provider(api="dynamodb", name="moto")
def dynamodb_moto() -> Service:
    """PROVIDER_OVERRIDE_DYNAMODB=moto."""
    from localstack_process.dynamodb import MotoDynamodb, dispatch_table  # noqa: PLC0415 -- see above

    return Service.for_provider(MotoDynamodb(), dispatch_table_factory=dispatch_table)


@hooks.on_infra_start()
def apply_patches() -> None:
    """Correct LocalStack before its services start."""
    from localstack_process import patches  # noqa: PLC0415 -- see above

    patches.apply()
