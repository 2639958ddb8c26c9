// The page, the card and the tabs, on the React and Chakra that Airflow's UI shares. Airflow 3.1 shares no Chakra:
// plain elements in the UI's own colours do there.
import * as judge from "./judgement.js";
import {
  facts, PAGE, Reader, readAsset, readDetail, readFirst, readNews, readRest, readTry, taskPath,
} from "./reading.js";

const { createElement: h, Fragment, useCallback, useEffect, useMemo, useRef, useState } = globalThis.React;
const RouterLink = globalThis.ReactRouterDOM.Link;
const STYLE = new URL("./page.css", import.meta.url).href;
const MINUTE = 60_000;

// --- parts

const C = globalThis.ChakraUI;
/** A part of Chakra, or the plain element. */
const part = (Type, tag, ours, looks = {}) => ({ palette, ...props }, ...children) =>
  Type ? h(Type, { ...looks, ...(palette && { colorPalette: palette }), ...props }, ...children)
    : h(tag, { ...props, className: `${ours} ${palette ?? ""}` }, ...children);
const heading = part(C?.Heading, "h2", "ak-heading", { as: "h2", size: "md" });
const badge = part(C?.Badge, "span", "ak-badge");
const button = part(C?.Button, "button", "ak-button", { size: "xs", variant: "outline" });
const input = part(C?.Input, "input", "ak-input", { size: "sm", width: "260px" });
const muted = (...children) => h("span", { className: "ak-muted" }, ...children);
const section = (label, ...children) =>
  h("section", { className: "ak", "aria-label": label }, h("link", { rel: "stylesheet", href: STYLE }), ...children);
const reading = (label) => section(label, h("p", { role: "status" }, "Reading …"));

const PALETTE = { failing: "red", stale: "orange", ageing: "yellow", running: "blue", never: "gray", fresh: "green" };
const state = (row) => badge({ palette: PALETTE[row.state] }, row.state);
const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const day = (ms, timeStyle = "short") => new Date(ms).toLocaleString([], { dateStyle: "medium", timeStyle });

/** A link to the try, inside the app, so that a base URL with a path holds. */
function link(each, text) {
  if (!each?.run) return text;
  const mapped = each.map >= 0 ? `/mapped/${each.map}` : "", tried = each.tries ? `?try_number=${each.tries}` : "";
  const path = taskPath(each).replace("/dagRuns/", "/runs/").replace("/taskInstances/", "/tasks/");
  return h(RouterLink, { to: `/${path}${mapped}${tried}` }, text);
}

function Refused({ refused }) {
  if (!refused?.size) return null;
  const list = [...refused].map(([what, status]) => `${what} (${status})`).join(", ");
  return h("p", { className: "ak-note", role: "status" }, `Not allowed, or no answer: ${list}. The rest is shown.`);
}

function Line({ days }) {
  const most = Math.max(...days);
  if (!most) return null;
  const label = `Credits by day: ${days.map(judge.amount).join(", ")}`;
  const bar = (each, index) => h("rect", { key: index, x: index * 3, y: 16 - Math.max(1, (each / most) * 16), width: 2,
    height: 16, fill: "currentColor", opacity: each ? 0.7 : 0.25 });
  return h("svg", { width: 90, height: 16, viewBox: "0 0 90 16", role: "img", "aria-label": label }, days.map(bar));
}

function Detail({ row }) {
  const [more, setMore] = useState(null);
  useEffect(() => {
    let here = true;
    readDetail(row).then((found) => here && setMore(found));
    return () => { here = false; };
  }, [row.id, row.last?.at]);
  const told = (more?.events ?? []).map(judge.readEvent);
  const kept = row.refreshes.filter((each) => !each.ok || !told.length);
  const list = [...kept, ...told].sort((a, b) => b.at - a.at).slice(0, 20);
  const { failed = [], plan, counts = {} } = more?.result ?? {};
  const document = (each, index) => h("li", { key: index }, `✗ ${each.key ?? each}`, each.reason && `: ${each.reason}`);
  return h("div", { className: "ak-detail" },
    row.uri && muted(row.uri),
    more?.words && h("p", { className: "ak-note" }, more.words),
    failed.length > 0 && h("ul", { "aria-label": "Failed documents" }, failed.map(document)),
    !row.uri && more?.result?.outcome && h("p", null, judge.sentence(judge.readEvent({ extra: more.result }))),
    plan && h("p", null, `Plan ${plan}: ${judge.counted(counts)}`),
    h("ol", { "aria-label": "Last refreshes" },
      list.map((each, index) => h("li", { key: index }, link(each, day(each.at)), ` ${judge.sentence(each)}`))),
    !list.length && h("p", null, "No refresh yet."),
    h(Refused, more ?? {}));
}

// --- the page

const COLUMNS = { name: "Target", state: "State", known: "Knows as of", age: "Age", last: "Last outcome",
  documents: "Documents", credits: "Credits", next: "Next run" };
const ASSUMED = "Assumed: twice the usual gap, at least 36 h. An asset says it: extra={'max_age': seconds}.";

/** All at first and every ten minutes, what is new every minute; nothing while nobody looks. */
function useData(light = false) {
  const [data, setData] = useState(null);
  const kept = useRef({ data: null, at: 0 });
  const keep = useCallback((next) => { kept.current.data = next; setData(next); }, []);
  const refresh = useCallback(async (all) => {
    if (document.hidden) return;
    if (!all && kept.current.data && Date.now() - kept.current.at < 10 * MINUTE) {
      keep(await readNews(kept.current.data));
      return;
    }
    kept.current.at = Date.now();
    const reader = new Reader();
    const first = await readFirst(reader);
    if (light || !kept.current.data) keep(first);
    if (!light) keep(await readRest(reader, first));
  }, []);
  const readOn = useCallback(async () => {
    const { list } = await new Reader().events(Infinity);
    const { data: now } = kept.current;
    const others = now.events.filter((each) => !now.read.includes(each));
    keep({ ...now, read: list, events: [...list, ...others], total: list.length });
  }, []);
  useEffect(() => {
    const look = () => refresh(false);
    const timer = setInterval(look, MINUTE);
    document.addEventListener("visibilitychange", look);
    look();
    return () => { clearInterval(timer); document.removeEventListener("visibilitychange", look); };
  }, []);
  return { data, refresh, readOn };
}

function Row({ row, now, open, toggle }) {
  const id = `ak-${String(row.id).replace(/\W/g, "-")}`;
  const cell = (key, ...children) => h("td", { "data-label": COLUMNS[key] }, ...children);
  const { last, documents, credits, budget } = row;
  const also = ["failing", "stale"].filter((each) => row[each] && row.state !== each).join(", ");
  const proof = last?.proof ? judge.words(last.proof) : last?.ok && !last.confirmed ? "without proof" : "";
  const gauge = h("div", { className: `ak-gauge ${row.stale ? "orange" : PALETTE[row.state]}` },
    h("i", { style: { width: `${Math.min(100, (100 * row.age) / budget.age)}%` } }));
  const allowed = h("span", { title: budget.assumed ? ASSUMED : "max_age" },
    `${budget.assumed ? "~" : ""}${judge.span(budget.age)}`);
  const next = row.paused ? "paused" : row.nextRun === null ? "–" : row.nextRun < now ? "due" : day(row.nextRun);
  return h(Fragment, null,
    h("tr", { "data-state": row.state },
      h("td", null,
        h("button", { className: "ak-name", "aria-expanded": open, "aria-controls": id, onClick: toggle },
          `${open ? "▾" : "▸"} ${row.name}`),
        h("small", null, [facts.vendors[judge.schemeOf(row.uri)], row.dag].filter(Boolean).join(" · "))),
      cell("state", state(row), also && h("small", null, `also ${also}`)),
      cell("known", row.known === null ? "never" : day(row.known)),
      cell("age", row.age === null ? "–" : h(Fragment, null, `${judge.span(row.age)} of `, allowed, gauge)),
      cell("last", last ? link(last, judge.words(last.outcome)) : "–",
        last && h("small", null, [day(last.at), proof].filter(Boolean).join(" · "))),
      cell("documents", documents.live === null ? "–" : `${documents.live} live`,
        documents.pages > 0 && h("small", null, `${documents.pages} pages`),
        documents.failed > 0 && h("small", null, badge({ palette: "red" }, `${documents.failed} failed`))),
      cell("credits", row.uri ? judge.sums(credits) : "–",
        row.uri && h("small", null, "7 · 30 days"), h(Line, credits)),
      cell("next", next)),
    open && h("tr", { id }, h("td", { colSpan: Object.keys(COLUMNS).length }, h(Detail, { row }))));
}

function Page() {
  const { data, refresh, readOn } = useData();
  const [view, setView] = useState({ text: "", state: "", vendor: "", sort: "state", down: false });
  const [open, setOpen] = useState(null);
  const [shown, setShown] = useState(PAGE);
  const rows = useMemo(() => (data ? judge.merge(data, data.at) : []), [data]);
  const listed = useMemo(() => judge.select(rows, view), [rows, view]);
  if (!data) return reading("Knowledge");
  const sums = judge.totals(rows);
  const set = (change) => setView({ ...view, ...change });
  const tile = (count, label, hue, filter) => h("button", {
    className: count ? hue : "", "aria-pressed": view.state === filter,
    onClick: () => set({ state: view.state === filter ? "" : filter }),
  }, h("b", null, count), label);
  const choice = (key, label, all, options) => h("select", {
    "aria-label": label, value: view[key], onChange: (event) => set({ [key]: event.target.value }),
  }, h("option", { value: "" }, all), options.map(([value, text]) => h("option", { key: value, value }, text)));
  const column = ([key, label]) => {
    const sorted = view.sort !== key ? "none" : view.down ? "descending" : "ascending";
    const arrow = { none: "", ascending: " ↑", descending: " ↓" }[sorted];
    const sort = () => set({ sort: key, down: sorted === "ascending" });
    return h("th", { key, scope: "col", "aria-sort": sorted }, h("button", { onClick: sort }, label + arrow));
  };
  const row = (each) => h(Row, { key: each.id, row: each, now: data.at, open: open === each.id,
    toggle: () => setOpen(open === each.id ? null : each.id) });
  const since = data.total > data.read.length && data.read.length && Date.parse(data.read.at(-1).timestamp);
  return section("Knowledge",
    h("div", { className: "ak-bar" },
      heading({}, "What your agents know"),
      h("span", { className: "ak-muted", role: "status" }, `as of ${clock(data.at)}`),
      button({ onClick: () => refresh(true) }, "Refresh")),
    h(Refused, data),
    h("div", { className: "ak-tiles" },
      tile(sums.targets, "targets", "", ""),
      tile(sums.stale, "stale", "orange", "stale"),
      tile(sums.failing, "failing", "red", "failing"),
      h("div", null, h("b", null, judge.amount(sums.credits)), "credits this month",
        since > 0 && muted(`, since ${day(since)} `, button({ onClick: readOn }, "Read all")))),
    !rows.length ? h(Empty) : h(Fragment, null,
      h("div", { className: "ak-bar" },
        input({ type: "search", placeholder: "Search", "aria-label": "Search targets", value: view.text,
          onChange: (event) => set({ text: event.target.value }) }),
        choice("state", "State", "all states", judge.STATES.map((each) => [each, each])),
        choice("vendor", "Vendor", "all vendors", Object.entries(facts.vendors)),
        h("span", { className: "ak-muted", role: "status" }, `${listed.length} of ${rows.length}`)),
      h("div", { className: "ak-scroll" }, h("table", { "aria-label": "Targets" },
        h("thead", null, h("tr", null, Object.entries(COLUMNS).map(column))),
        h("tbody", null, listed.slice(0, shown).map(row)))),
      listed.length > shown && button({ onClick: () => setShown(shown + PAGE) }, "Show more")));
}

const Empty = () => h("div", null,
  h("p", null, "Nothing was refreshed yet. A target shows here once a task has it among its outlets:"),
  h("pre", null, `from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator
SendKitRetrainAgentOperator(task_id="retrain", agent_id="…", outlets=[agent_asset("…")])`));

// --- elsewhere

/** Shown only if something is stale or failing. */
function Card() {
  const { data } = useData(true);
  const bad = data ? judge.select(judge.merge(data, data.at)).filter(judge.needsLook) : [];
  if (!bad.length) return null;
  const item = (row) => h("li", { key: row.id }, state(row), ` ${row.name}`,
    row.age !== null && muted(`, ${judge.span(row.age)} old`));
  return section("Knowledge",
    h("div", { className: "ak-bar" }, heading({}, "Knowledge that needs a look"),
      h(RouterLink, { to: "/plugin/knowledge" }, `all ${bad.length}`)),
    h("ul", null, bad.slice(0, 5).map(item)));
}

/** One try, and what the next one would do and cost. */
function Refresh({ dagId, runId, taskId, mapIndex }) {
  const [found, setFound] = useState(null);
  const each = { dag: dagId, run: runId, task: taskId, map: Number(mapIndex ?? -1) };
  useEffect(() => { readTry(each).then(setFound); }, Object.values(each));
  if (!found) return reading("Refresh");
  const other = "This task refreshes nothing that an agent knows.";
  if (found.task && !found.ours) return section("Refresh", h("p", null, other));
  const { steps, retry } = judge.timeline(found);
  const step = ([name, at, text]) =>
    h("li", { key: name }, h("b", null, name), at && muted(` ${day(at, "medium")}`), h("div", null, text));
  return section("Refresh",
    heading({}, "This refresh"),
    h("ol", { className: "ak-steps", "aria-label": "Timeline" }, steps.map(step)),
    h("p", null, h("b", null, "Next try: "), retry),
    h(Refused, found));
}

/** For an asset's own page (Airflow 3.4). */
function OfAsset({ assetId }) {
  const [found, setFound] = useState(null);
  useEffect(() => { readAsset(assetId).then(setFound); }, [assetId]);
  if (!found) return reading("Knowledge");
  const { row } = found;
  if (!row) return section("Knowledge", h("p", null, "This asset is not what an agent knows."), h(Refused, found));
  const age = row.known !== null && `${judge.span(row.age)} of ${judge.span(row.budget.age)}`;
  return section("Knowledge",
    h("div", { className: "ak-bar" }, heading({}, row.name), state(row),
      age && muted(`knows as of ${day(row.known)}, ${age}`)),
    h(Detail, { row }));
}

const Knowledge = (props) => h(props.assetId ? OfAsset : Page, props);
Object.assign(globalThis, { Knowledge, "Knowledge card": Card, Refresh });
