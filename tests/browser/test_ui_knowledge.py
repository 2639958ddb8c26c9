"""The Knowledge page, its card and its tabs, before real refreshes and a month of history."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from airflow_provider.plugin import PREFIX
from airflow_provider.sandbox.client import Sandbox
from tests.browser.conftest import log_in
from tests.browser.knowledge import (
    ON_DEMAND,
    Agents,
    answers,
    below_a_path,
    in_every_state,
    requests_of,
    seed_events,
)
from tests.system.rest import quote
from tests.system.stack import AirflowStack
from tests.unit.plugin.judged import CASES, SCRIPT

FILES = ("page.js", "reading.js", "judgement.js", "page.css")
KNOWLEDGE = "/plugin/knowledge"
STATES = ("failing", "stale", "ageing", "running", "never", "fresh")


@pytest.fixture(scope="module")
def agents(stack: AirflowStack, installed_sandbox: Sandbox) -> Agents:
    return in_every_state(stack, installed_sandbox)


@pytest.fixture(scope="module")
def browser(page: Page) -> Browser:
    found = page.context.browser
    assert found is not None
    return found


@pytest.fixture
def view(browser: Browser, stack: AirflowStack) -> Iterator[Page]:
    """A tab of its own, logged in."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    tab = context.new_page()
    log_in(tab, stack.url)
    yield tab
    context.close()


def open_page(view: Page, stack: AirflowStack) -> Locator:
    view.goto(stack.url + KNOWLEDGE)
    expect(view.get_by_role("heading", name="What your agents know")).to_be_visible()
    view.wait_for_load_state("networkidle")
    return view.get_by_role("table", name="Targets")


def row_of(table: Locator, name: str) -> Locator:
    return table.get_by_role("row").filter(has=table.page.get_by_role("button", name=name))


def since(stack: AirflowStack, *version: int) -> bool:
    """Is the stack's Airflow as new as that?"""
    found = re.findall(r"\d+", stack.rest.get("/version")["version"])
    return tuple(int(part) for part in found[:2]) >= version


def tab_of(view: Page, name: str) -> Locator:
    """A tab of a task's page, which is a link in each Airflow."""
    return view.get_by_role("link", name=name, exact=True)


def tile(view: Page, label: str) -> Locator:
    return view.locator(".ak-tiles > *").filter(has_text=re.compile(rf"{label}$|{label},"))


# --- who sees it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FILES, "", "docs", "openapi.json"])
def test_who_is_not_logged_in_gets_none_of_its_files(
    browser: Browser, stack: AirflowStack, name: str
) -> None:
    context = browser.new_context()
    assert context.request.get(f"{stack.url}{PREFIX}/{name}").status == 401
    context.close()


@pytest.mark.parametrize("user", ["admin", "viewer"])
def test_who_may_read_assets_finds_it_in_the_menu(
    browser: Browser, stack: AirflowStack, agents: Agents, user: str
) -> None:
    context = browser.new_context()
    tab = context.new_page()
    log_in(tab, stack.url, user)
    tab.get_by_role("button", name="Browse").click()
    tab.get_by_role("menuitem", name="Knowledge").click()
    expect(tab.get_by_role("heading", name="What your agents know")).to_be_visible()
    expect(row_of(tab.get_by_role("table"), Agents.name(agents.fresh))).to_be_visible()
    context.close()


def test_a_base_url_may_have_a_path_and_lists_shorter_pages(
    browser: Browser, stack: AirflowStack, wheel_python: Path, agents: Agents
) -> None:
    stack.wait_for_dag("knowledge_of_fifty")
    with below_a_path(stack, wheel_python, AIRFLOW__API__MAXIMUM_PAGE_LIMIT="20") as url:
        context = browser.new_context()
        tab = context.new_page()
        log_in(tab, url)
        expect(tab.get_by_role("region", name="Knowledge")).to_contain_text(Agents.name(agents.failing))
        tab.goto(url + KNOWLEDGE)
        row = row_of(tab.get_by_role("table"), Agents.name(agents.fresh))
        expect(row).to_have_attribute("data-state", "fresh")
        expect(tab.get_by_role("button", name="agent fifty-")).to_have_count(34)
        row.get_by_role("link", name="refreshed").click()
        tab.wait_for_url(re.compile(rf"{re.escape(url)}/dags/{ON_DEMAND}/runs/"))
        assert tab.request.get(f"{url}{PREFIX}/page.js").status == 200
        context.close()


# --- what it says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_chromium_thinks_the_same_as_node(page: Page, case: Any) -> None:
    load = "(text) => import('data:text/javascript,' + encodeURIComponent(text)).then((j) => { globalThis.j = j; })"
    if page.evaluate("typeof globalThis.j") == "undefined":
        page.goto("about:blank")
        page.evaluate(load, SCRIPT.read_text())
    assert page.evaluate(f"() => {case.program} ?? null") == case.gives


@pytest.mark.parametrize("state", ["fresh", "failing", "running", "never"])
def test_every_state_is_said_in_a_word(view: Page, stack: AirflowStack, agents: Agents, state: str) -> None:
    row = row_of(open_page(view, stack), Agents.name(getattr(agents, state)))
    expect(row).to_have_attribute("data-state", state)
    expect(row.get_by_text(state, exact=True).first).to_be_visible()


def test_what_nobody_refreshed_for_three_days_is_stale(
    view: Page, stack: AirflowStack, agents: Agents
) -> None:
    view.clock.install(time=datetime.now() + timedelta(days=3))
    table = open_page(view, stack)
    row = row_of(table, Agents.name(agents.fresh))
    expect(row).to_have_attribute("data-state", "stale")
    expect(row).to_contain_text(re.compile(r"3 d of ~36 h"))
    expect(tile(view, "stale").locator("b")).not_to_have_text("0")


def test_the_last_outcome_leads_to_its_try(view: Page, stack: AirflowStack, agents: Agents) -> None:
    row = row_of(open_page(view, stack), Agents.name(agents.fresh))
    expect(row).to_contain_text("10 · 10")
    row.get_by_role("link", name="refreshed").click()
    view.wait_for_url(re.compile(rf"/dags/{ON_DEMAND}/runs/.*/tasks/retrain"))
    expect(view.get_by_role("heading", name="retrain")).to_be_visible()


def test_an_opened_row_tells_what_happened_in_the_vendors_words(
    view: Page, stack: AirflowStack, agents: Agents
) -> None:
    table = open_page(view, stack)
    button = row_of(table, Agents.name(agents.failing)).get_by_role("button")
    button.focus()
    view.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    detail = table.locator(f"#{button.get_attribute('aria-controls')}")
    expect(detail).to_contain_text("The website could not be crawled: 403")
    told = detail.get_by_role("list", name="Last refreshes").get_by_role("listitem")
    expect(told).to_have_count(2)
    expect(told.nth(0)).to_contain_text("failed")
    expect(told.nth(1)).to_contain_text("Refreshed: status completed")
    view.keyboard.press("Space")
    expect(button).to_have_attribute("aria-expanded", "false")


def test_a_task_has_a_tab_with_its_refresh_as_a_timeline(
    view: Page, stack: AirflowStack, agents: Agents, pictures: Path
) -> None:
    run = quote(agents.runs["failing"])
    view.goto(f"{stack.url}/dags/{ON_DEMAND}/runs/{run}/tasks/retrain")
    tab_of(view, "Refresh").click()
    steps = view.get_by_role("list", name="Timeline").get_by_role("listitem")
    expect(steps.last).to_contain_text("Outcome")
    expect(view.get_by_label("Refresh").last).to_contain_text("The website could not be crawled: 403")
    if since(stack, 3, 3):
        assert steps.locator("b").all_inner_texts()[-2:] == ["Proof", "Outcome"]
        expect(steps.first).to_contain_text("before anything was sent")
        expect(view.get_by_text("A retry is a new refresh, at the full price.")).to_be_visible()
    view.screenshot(path=pictures / "knowledge-refresh-tab.png")


def test_a_try_that_runs_says_that_a_retry_is_free(view: Page, stack: AirflowStack, agents: Agents) -> None:
    run = quote(agents.runs["running"])
    view.goto(f"{stack.url}/dags/{ON_DEMAND}/runs/{run}/tasks/retrain/plugin/refresh")
    steps = view.get_by_role("list", name="Timeline").get_by_role("listitem")
    expect(steps.last).to_contain_text("deferred")
    if since(stack, 3, 3):
        expect(view.get_by_text("already paid: 0 credits")).to_be_visible()


def test_an_asset_has_a_tab_since_airflow_3_4(view: Page, stack: AirflowStack, agents: Agents) -> None:
    (asset,) = stack.rest.get("/assets", uri_pattern=agents.fresh, only_active=False)["assets"]
    view.goto(f"{stack.url}/assets/{asset['id']}/plugin/knowledge-asset")
    view.wait_for_load_state("networkidle")
    tab = view.get_by_role("region", name="Knowledge")
    if since(stack, 3, 4):
        expect(tab).to_contain_text("knows as of")
        expect(tab).to_contain_text("Refreshed: status completed")
    else:
        expect(tab).to_have_count(0)


def test_a_task_of_another_kind_has_no_timeline(view: Page, stack: AirflowStack, agents: Agents) -> None:
    run = stack.trigger("knowledge_of_nobody")
    stack.wait_for_task("knowledge_of_nobody", run, "retrain", {"success"})
    view.goto(f"{stack.url}/dags/knowledge_of_nobody/runs/{quote(run)}/tasks/retrain")
    expect(view.get_by_role("heading", name="retrain")).to_be_visible()
    tab = tab_of(view, "Refresh")
    if since(stack, 3, 4):
        expect(tab_of(view, "Details")).to_be_visible()
        expect(tab).to_have_count(0)
    else:
        tab.click()
        expect(view.get_by_text("This task refreshes nothing that an agent knows.")).to_be_visible()


def test_the_dashboard_has_a_card_only_if_something_needs_a_look(
    view: Page, stack: AirflowStack, agents: Agents, pictures: Path
) -> None:
    view.goto(stack.url)
    card = view.get_by_role("region", name="Knowledge")
    expect(card).to_contain_text(Agents.name(agents.failing))
    view.screenshot(path=pictures / "knowledge-card.png")
    card.get_by_role("link").click()
    expect(view.get_by_role("heading", name="What your agents know")).to_be_visible()
    view.route("**/taskInstances?*state=failed*", answers({"task_instances": [], "total_entries": 0}))
    with view.expect_response("**/taskInstances?*state=failed*"):
        view.goto(stack.url)
    expect(view.get_by_text("Health", exact=True)).to_be_visible()
    expect(card).to_have_count(0)


def test_an_empty_page_shows_the_lines_that_fill_it(view: Page, stack: AirflowStack) -> None:
    view.route("**/api/v2/assets?*", answers({"assets": [], "total_entries": 0}))
    view.route("**/taskInstances?*", answers({"task_instances": [], "total_entries": 0}))
    open_page(view, stack)
    expect(view.locator("pre")).to_contain_text("outlets=[agent_asset(")
    assert len(view.locator("pre").inner_text().splitlines()) == 3


# --- a reader's hands -------------------------------------------------------------------------------------------


def test_a_reader_searches_filters_and_sorts(view: Page, stack: AirflowStack, agents: Agents) -> None:
    table = open_page(view, stack)
    rows = table.locator("tbody tr")
    view.get_by_role("searchbox", name="Search targets").fill(agents.fresh)
    expect(rows).to_have_count(1)
    view.get_by_role("searchbox").fill("")
    view.get_by_role("combobox", name="State").select_option("failing")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(Agents.name(agents.failing))
    tile(view, "failing").click()
    expect(view.get_by_role("combobox", name="State")).to_have_value("")
    heading = table.get_by_role("columnheader", name="Target")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    names = table.locator("tbody .ak-name").all_inner_texts()
    assert names == sorted(names)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert table.locator("tbody .ak-name").all_inner_texts() == sorted(names, reverse=True)


def test_it_is_read_by_the_keyboard_alone(view: Page, stack: AirflowStack, agents: Agents) -> None:
    table = open_page(view, stack)
    view.get_by_role("searchbox").focus()
    for _ in range(3 + 8):
        view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.className") == "ak-name"
    view.keyboard.press("Enter")
    expect(table.locator("[aria-expanded=true]")).to_have_count(1)
    nameless = view.locator(".ak button, .ak a, .ak input, .ak select").evaluate_all(
        "all => all.filter((each) => !(each.ariaLabel || each.innerText.trim())).length"
    )
    assert nameless == 0


def test_it_refreshes_itself_in_four_requests(view: Page, stack: AirflowStack, agents: Agents) -> None:
    view.clock.install()
    open_page(view, stack)
    before = view.get_by_text(re.compile("^as of ")).inner_text()
    with requests_of(view, "api/v2") as asked:
        view.clock.fast_forward(61_000)
        expect(view.get_by_text(re.compile("^as of "))).not_to_have_text(before)
    assert len([url for url in asked if "assets/events" in url or "taskInstances?" in url]) == 4
    assert len(asked) <= 5  # Airflow's own page asks now and then, too


def test_nobody_looks_so_nothing_is_asked(view: Page, stack: AirflowStack, agents: Agents) -> None:
    view.clock.install()
    open_page(view, stack)
    hide = "hidden => { Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });"
    view.evaluate(f"{hide} document.dispatchEvent(new Event('visibilitychange')) }}", True)
    with requests_of(view, "api/v2/assets") as asked:
        view.clock.fast_forward(121_000)
        assert asked == []
        with view.expect_response("**/assets/events?*"):
            view.evaluate(f"{hide} document.dispatchEvent(new Event('visibilitychange')) }}", False)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("**/taskInstances?*", "tasks at work (403), failed tasks (403), tasks that succeeded (403)"),
        ("**/api/v2/assets/events?*", "asset events (403)"),
        ("**/api/v2/dags?*", "DAGs (403)"),
        ("**/api/v2/assets?*", "assets (403)"),
    ],
)
def test_what_may_not_be_read_is_said_and_blocks_nothing(
    view: Page, stack: AirflowStack, agents: Agents, path: str, says: str
) -> None:
    view.route(path, answers({"detail": "Forbidden"}, 403))
    open_page(view, stack)
    expect(view.get_by_text(says)).to_be_visible()
    expect(view.locator(".ak-tiles")).to_be_visible()


def test_an_airflow_that_is_gone_is_said_too(view: Page, stack: AirflowStack, agents: Agents) -> None:
    view.route("**/api/v2/assets/events?*", lambda route: route.abort())
    open_page(view, stack)
    expect(view.get_by_text("asset events (no answer)")).to_be_visible()


# --- how it looks -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fifty(stack: AirflowStack) -> int:
    stack.wait_for_dag("knowledge_of_fifty")
    return seed_events(stack, "knowledge_of_fifty", days=30)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_as_airflow_does(
    view: Page, stack: AirflowStack, agents: Agents, fifty: int, theme: str, pictures: Path
) -> None:
    view.evaluate(f"localStorage.setItem('theme', '{theme}')")
    view.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    table = open_page(view, stack)
    row_of(table, Agents.name(agents.failing)).get_by_role("button").click()
    expect(view.get_by_text("could not be crawled")).to_be_visible()
    for state in STATES:
        expect(table.locator(f"tr[data-state={state}]").first).to_be_attached()
    text, ground = view.locator(".ak").evaluate(BRIGHTNESS)
    assert (text > ground) is (theme == "dark"), (text, ground)
    view.screenshot(path=pictures / f"knowledge-page-{theme}.png")


def test_a_narrow_window_shows_cards(view: Page, stack: AirflowStack, fifty: int, pictures: Path) -> None:
    view.set_viewport_size({"width": 420, "height": 900})
    open_page(view, stack)
    wide = view.evaluate(
        "document.querySelector('.ak').scrollWidth - document.querySelector('.ak').clientWidth"
    )
    assert wide <= 1
    view.screenshot(path=pictures / "knowledge-page-narrow.png")


# --- how much it asks -------------------------------------------------------------------------------------------


def first_look(view: Page, stack: AirflowStack) -> tuple[list[str], float]:
    """Open the page by a click; return what it asks for until it is quiet, and the seconds until its first row."""
    view.goto(stack.url + "/assets")
    view.wait_for_load_state("networkidle")
    with requests_of(view, "api/v2", PREFIX.strip("/")) as asked:
        view.get_by_role("button", name="Browse").click()
        began = time.monotonic()
        view.get_by_role("menuitem", name="Knowledge").click()
        view.locator(".ak tbody tr").first.wait_for()
        seconds = time.monotonic() - began
        view.wait_for_load_state("networkidle")
    return asked, seconds


def test_fifty_targets_take_twelve_requests(view: Page, stack: AirflowStack, fifty: int) -> None:
    asked, seconds = first_look(view, stack)
    assert len(asked) <= 12, asked
    assert seconds < 5  # with room for a busy machine
    expect(tile(view, "credits this month")).to_contain_text("since")
    view.get_by_role("button", name="Read all").click()
    expect(view.get_by_role("button", name="Read all")).to_have_count(0)
    expect(row_of(view.get_by_role("table"), "agent fifty-000")).to_contain_text("70 · 300")


def test_five_hundred_targets_take_forty(
    view: Page, stack: AirflowStack, fifty: int, late_dags: Path, pictures: Path
) -> None:
    (late_dags / "hundreds.py").write_text(HUNDREDS)
    stack.wait_for_dag("knowledge_of_hundreds", timeout=120)
    assert seed_events(stack, "knowledge_of_hundreds", days=8) == 455
    asked, seconds = first_look(view, stack)
    assert len(asked) <= 40, asked
    assert seconds < 10
    expect(tile(view, "targets").locator("b")).to_have_text(re.compile(r"^5\d\d$"))
    assert view.locator(".ak tbody tr").count() == 100
    view.get_by_role("button", name="Show more").click()
    assert view.locator(".ak tbody tr").count() == 200
    view.get_by_role("searchbox").fill("hundreds-454")
    expect(view.locator(".ak tbody tr")).to_have_count(1)
    expect(view.locator(".ak tbody tr")).to_have_attribute("data-state", "fresh")


#: How bright the text is, and what it stands on.
BRIGHTNESS = """each => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const paint = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const text = paint(getComputedStyle(each).color);
  let ground = paint("transparent");
  for (let at = each; at && !ground[3]; at = at.parentElement) ground = paint(getComputedStyle(at).backgroundColor);
  return [text, ground].map(([red, green, blue]) => red + green + blue);
}"""

HUNDREDS = '''
"""Hundreds of agents; their events are written by the tests."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider.assets.sendkit import agent_asset

with DAG("knowledge_of_hundreds", schedule=None) as dag:
    EmptyOperator(task_id="agents", outlets=[agent_asset(f"hundreds-{number:03}") for number in range(455)])
'''
