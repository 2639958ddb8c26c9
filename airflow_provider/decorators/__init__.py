"""``@task.…`` over operators; ``from airflow_provider.decorators.sensay import sensay_documents`` is typed."""
