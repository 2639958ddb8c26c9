"""
What a person sees and does in Airflow's UI, from an empty installation to the metadata of an asset event.

The tests build on each other in the order in which they stand here, as a person's clicks do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.sandbox.client import Sandbox
from tests.system.rest import quote
from tests.system.stack import AirflowStack

NIGHTLY = "nightly_knowledge_refresh"
WITH_OUTLET = "agent_with_outlet"


@dataclass(frozen=True)
class Form:
    """A connection as it is typed."""

    conn_type: str
    title: str
    secret: str
    link: str

    @property
    def conn_id(self) -> str:
        return f"{self.conn_type}_default"

    @property
    def declared(self) -> dict[str, Any]:
        return next(
            t for t in get_provider_info()["connection-types"] if t["connection-type"] == self.conn_type
        )


SENDKIT = Form("sendkit", "SendKit", "API key", "agent={agent_id}")
SENSAY = Form("sensay", "Sensay", "Organization secret", "entry={entry_id}")
FORMS = [pytest.param(SENDKIT, id="sendkit"), pytest.param(SENSAY, id="sensay")]


def open_form(page: Page, stack: AirflowStack, form: Form) -> Locator:
    page.goto(f"{stack.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").first.click()
    page.keyboard.type(form.title)
    page.keyboard.press("Enter")
    expect(dialog.get_by_text(form.secret, exact=True)).to_be_visible()
    return dialog


def extra_fields(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    expect(dialog.locator("input[name=element_console_url]")).to_be_visible()


@pytest.mark.parametrize("form", FORMS)
def test_the_form_shows_the_standard_fields_under_the_vendors_names(
    page: Page, stack: AirflowStack, form: Form, pictures: Path
) -> None:
    dialog = open_form(page, stack, form)
    behaviour = form.declared["ui-field-behaviour"]
    for label in behaviour["relabeling"].values():
        expect(dialog.get_by_text(label, exact=True)).to_be_visible()
    for name, words in behaviour["placeholders"].items():
        expect(dialog.locator(f"input[name={name}]")).to_have_attribute("placeholder", words)
    for name in behaviour["hidden-fields"]:
        expect(dialog.locator(f"input[name={name}]")).to_have_count(0)
    expect(dialog.locator("input[name=password]")).to_have_attribute("type", "password")
    dialog.screenshot(path=pictures / f"connection-{form.conn_type}.png")


@pytest.mark.parametrize("form", FORMS)
def test_the_form_shows_every_declared_field_with_its_description(
    page: Page, stack: AirflowStack, form: Form, pictures: Path
) -> None:
    dialog = open_form(page, stack, form)
    extra_fields(dialog)
    for name, field in form.declared["conn-fields"].items():
        expect(dialog.get_by_text(field["label"], exact=True)).to_be_visible()
        expect(dialog.get_by_text(field["description"], exact=True)).to_be_visible()
        if field["schema"].get("format") == "password":
            expect(dialog.locator(f"input[name=element_{name}]")).to_have_attribute("type", "password")
    page.set_viewport_size({"width": 1000, "height": 2000})
    dialog.screenshot(path=pictures / f"connection-{form.conn_type}-fields.png")
    page.set_viewport_size({"width": 1000, "height": 900})


def test_a_field_with_choices_offers_them(page: Page, stack: AirflowStack) -> None:
    dialog = open_form(page, stack, SENSAY)
    extra_fields(dialog)
    dialog.get_by_role("combobox").nth(1).press("ArrowDown")
    offered = page.get_by_role("option").all_inner_texts()
    assert offered == ["auto", "knowledge-base", "training"]


@pytest.mark.parametrize("form", FORMS)
def test_a_connection_is_created_and_tested(
    page: Page, stack: AirflowStack, installed_sandbox: Sandbox, form: Form
) -> None:
    known = installed_sandbox.sendkit_connection if form is SENDKIT else installed_sandbox.sensay_connection
    address = urlsplit(installed_sandbox.url)
    dialog = open_form(page, stack, form)
    dialog.locator("input[name=connection_id]").fill(form.conn_id)
    dialog.locator("input[name=host]").fill(f"{address.scheme}://{address.hostname}")
    dialog.locator("input[name=port]").fill(str(address.port))
    dialog.locator("input[name=password]").fill(known["password"])
    extra_fields(dialog)
    console = f"{installed_sandbox.url}/_sandbox/state?{form.link}"
    dialog.locator("input[name=element_console_url]").fill(console)
    dialog.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text=form.conn_id)
    with page.expect_response("**/connections/test") as tested:
        row.get_by_role("button", name="Test Connection").click()
    told = tested.value.json()
    assert told["status"] is True, told
    assert told["message"].endswith("Nothing was changed.")
    assert known["password"] not in page.content()


def test_the_nightly_refresh_is_triggered_and_succeeds(
    page: Page, stack: AirflowStack, installed_sandbox: Sandbox, pictures: Path
) -> None:
    installed_sandbox.set_entry(rawText="Our company is young.")
    stack.wait_for_dag(NIGHTLY)
    page.goto(f"{stack.url}/dags/{NIGHTLY}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").last.click()
    page.wait_for_url(re.compile(rf"/dags/{NIGHTLY}/runs/"))
    assert stack.wait(NIGHTLY, run_of(stack, NIGHTLY)) == "success"
    page.set_viewport_size({"width": 1300, "height": 860})
    page.reload()
    # The run itself and each of its six tasks.
    expect(page.get_by_text("Success", exact=True)).to_have_count(7)
    page.screenshot(path=pictures / f"{NIGHTLY}.png")
    page.set_viewport_size({"width": 1000, "height": 900})
    assert [charge["credits"] for charge in installed_sandbox.charges] == [10]


@pytest.mark.parametrize(
    ("task", "link", "query"),
    [
        ("retrain_agent", "SendKit agent", "agent={agent_id}"),
        ("update_entry", "Sensay entry", "entry={entry_id}"),
    ],
)
def test_a_task_links_to_what_it_refreshed(
    page: Page, stack: AirflowStack, installed_sandbox: Sandbox, task: str, link: str, query: str
) -> None:
    page.goto(f"{stack.url}/dags/{NIGHTLY}/runs/{quote(run_of(stack, NIGHTLY))}/tasks/{task}/details")
    with page.expect_popup() as opened:
        page.get_by_role("link", name=link).click()
    opened.value.wait_for_load_state()
    ids = {"agent_id": installed_sandbox.agent_id, "entry_id": installed_sandbox.entry_id}
    assert opened.value.url == f"{installed_sandbox.url}/_sandbox/state?{query.format(**ids)}"
    expect(opened.value.locator("body")).to_contain_text(installed_sandbox.agent_id)
    opened.value.close()


def test_the_asset_event_tells_what_the_refresh_did(page: Page, stack: AirflowStack) -> None:
    run_id = stack.trigger(WITH_OUTLET)
    assert stack.wait(WITH_OUTLET, run_id) == "success"
    page.goto(f"{stack.url}/dags/{WITH_OUTLET}/runs/{quote(run_id)}/tasks/retrain/asset_events")
    expect(page.get_by_text("1 Asset Event")).to_be_visible()
    expect(page.locator("body")).to_contain_text(re.compile(r'"outcome":\s*"refreshed"'))
    expect(page.locator("body")).to_contain_text(re.compile(r'"status":\s*"completed"'))
    (event,) = stack.rest.get("/assets/events", source_dag_id=WITH_OUTLET)["asset_events"]
    assert (event["extra"]["credits_charged"], event["extra"]["run_id"]) == (10, run_id)


def run_of(stack: AirflowStack, dag_id: str) -> str:
    (run,) = stack.rest.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]
    return str(run["dag_run_id"])
