"""What a careless DAG does with the keys of its connections: renders, prints, sends and raises them."""

from __future__ import annotations

from airflow.sdk import DAG, task

from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook

with DAG("show_a_secret", schedule=None) as dag:

    @task
    def print_them(*keys: str) -> int:
        for hook in (SendKitHook("careless_sendkit"), SensayHook("careless_sensay")):
            print(hook.settings())  # noqa: T201
            print(hook.get_connection(hook.conn_id).password)  # noqa: T201
        print(keys)  # noqa: T201
        return sum(map(len, keys))

    @task(trigger_rule="all_done")
    def be_refused(*keys: str) -> None:
        SendKitHook("careless_sendkit").list_agents()

    @task(trigger_rule="all_done")
    def raise_them(*keys: str) -> None:
        raise ValueError(f"the keys {keys} are wrong")

    keys = [f"{{{{ conn.careless_{vendor}.password }}}}" for vendor in ("sendkit", "sensay")]
    print_them(*keys) >> be_refused(*keys) >> raise_them(*keys)
