"""``@task.sensay_documents``: what a function returns or yields is what the replica knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider.arguments import Checker
from airflow_provider.errors import InvalidArgumentError
from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator
from airflow_provider.sources.items import Items

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.bases.decorator import FParams, FReturn, Task

    from airflow_provider.operators.keywords import DecoratedSyncKwargs
    from airflow_provider.sync.saved_state import SyncReport


class _SensayDocumentsOperator(DecoratedOperator, SensaySyncKnowledgeBaseOperator):
    """A sync whose source is the decorated function; a worker that resumes after a deferral calls it again."""

    custom_operator_name = "@task.sensay_documents"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(field for field in SensaySyncKnowledgeBaseOperator.template_fields if field != "documents"),
    )
    template_fields_renderers = DecoratedOperator.template_fields_renderers
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, documents=(), **kwargs
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function, and sync what it tells."""
        return self._run(context, None)

    def _sync(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        self.documents = Items(lambda: self._told(context))
        return super()._sync(context, report)

    def _told(self, context: Context) -> Iterator[object]:
        is_mapped = context["ti"].map_index not in (None, -1)
        if is_mapped and Checker().flag("delete_missing", self.delete_missing):
            raise InvalidArgumentError(
                f"{self.task_id} is mapped, and delete_missing would delete what its other instances told. Let one "
                "task yield all documents. Nothing was sent."
            )
        context_merge(context, self.op_kwargs)
        told = self.python_callable(
            *self.op_args, **determine_kwargs(self.python_callable, self.op_args, context)
        )
        if isinstance(told, str):
            if is_mapped:
                raise InvalidArgumentError(
                    f"{self.task_id} is mapped, and its texts have no names of their own; return "
                    "Document(key=…, text=…). Nothing was sent."
                )
            yield {"key": self.task_id, "text": told}
            return
        if told is None:
            return
        many = [told] if isinstance(told, Mapping) or not hasattr(told, "__iter__") else told
        for item in many:
            if isinstance(item, str):
                raise InvalidArgumentError(
                    f"{self.task_id} yields several bare texts, which nothing tells apart from run to run; yield "
                    "Document(key=…, text=…). Nothing was sent."
                )
            yield item


@overload
def sensay_documents(python_callable: Callable[FParams, FReturn]) -> Task[FParams, FReturn]: ...


@overload
def sensay_documents(
    python_callable: None = None,
    **kwargs: Unpack[DecoratedSyncKwargs],
) -> Callable[[Callable[FParams, FReturn]], Task[FParams, FReturn]]: ...


def sensay_documents(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
    """
    Make a replica's knowledge base equal to what a function returns or yields.

    A text (its key is the task's id), a :class:`~airflow_provider.sources.Document` or a dict of its members, or
    many of these. The result is that of
    :class:`~airflow_provider.operators.sensay.SensaySyncKnowledgeBaseOperator`, and so are the arguments.
    """
    kwargs.setdefault("max_active_tis_per_dag", 1)  # an `.expand` asks the operator's class for nothing
    return task_decorator_factory(
        python_callable=python_callable,
        decorated_operator_class=_SensayDocumentsOperator,
        **kwargs,
    )
