// What the page thinks: plain values in, plain values out, the time is a parameter, in milliseconds.

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
// Where nobody said how old it may be: twice the usual gap, and no less than this.
const ASSUMED = 36 * HOUR;
const AGEING = 0.75; // of the budget
// The worst first.
export const STATES = ["failing", "stale", "ageing", "running", "never", "fresh"];
export const AT_WORK = ["running", "deferred", "queued", "up_for_reschedule", "restarting"];
export const FAILED = ["failed", "up_for_retry"];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const newestFirst = (a, b) => b.at - a.at;
export const time = (value) => {
  const at = isNumber(value) ? value * 1000 : Date.parse(value ?? "");
  return Number.isFinite(at) ? at : null;
};

// --- names

const parts = (uri) => uri.split("://").pop().split("/").filter(Boolean);
const idsOf = (uri) => parts(uri).filter((_, index) => index % 2);
const short = (id) => (id.length > 12 ? `${id.slice(0, 4)}…${id.slice(-4)}` : id);
export const schemeOf = (uri) => uri.split("://")[0];

/** The name of an asset: its author's, else its address as a person says it ("agent 664a…9d0e"). */
export function nameOf({ name, uri }) {
  if (name && name !== uri) return name;
  const path = parts(uri);
  const last = path.length % 2 ? path.at(-1).replaceAll("-", " ") + " of" : "";
  const [kind, id] = path.slice(path.length % 2 ? -3 : -2);
  return `${last} ${kind.replace("knowledge-base", "entry").replace(/s$/, "")} ${short(id ?? "")}`.trim();
}

// --- what Airflow holds

const ruleOf = ({ proven_by: rule, proof }) => rule ?? proof?.evidence?.proven ?? null;

/** An asset event as one refresh. A watcher's is only "seen", a person's "announced". */
export function readEvent(event) {
  const extra = event.extra?.payload ?? event.extra ?? {};
  const said = extra.outcome ?? (extra.status ? "seen" : "announced");
  return {
    ok: true, at: time(event.timestamp), outcome: said, status: extra.status ?? null, marker: time(extra.marker),
    credits: isNumber(extra.credits_charged) ? extra.credits_charged : 0, sure: extra.credits_confirmed !== false,
    counts: extra.counts ?? {}, confirmed: extra.confirmed !== false, ended: extra.ended !== false,
    proof: ruleOf(extra), seconds: extra.seconds ?? null,
    maxAge: isNumber(extra.max_age) ? extra.max_age * 1000 : null, asset: event.asset_id,
    dag: event.source_dag_id, run: event.source_run_id, task: event.source_task_id, map: event.source_map_index ?? -1,
  };
}

/** A task instance. One that succeeded tells when; its asset events tell the rest. */
export const readTask = (task) => ({
  ok: task.state === "success", ended: true, confirmed: true, marker: null, outcome: task.state, seconds: task.duration,
  at: time(task.end_date ?? task.start_date ?? task.queued_when),
  running: AT_WORK.includes(task.state), credits: 0, sure: true, counts: {},
  fields: task.rendered_fields ?? {}, tries: task.try_number,
  dag: task.dag_id, run: task.dag_run_id, task: task.task_id, map: task.map_index,
});

/** Does a DAG still name it? To Airflow, what came through an alias is inactive. */
export const isAlive = (asset) =>
  ["producing_tasks", "aliases", "scheduled_dags", "consuming_tasks"].some((by) => asset[by]?.length > 0);

/** Does a task refresh, or wait for, what an agent knows? One that asks or deletes does not. */
export const isOurs = (task, { operators, prefixes }) => !/Ask|Delete/.test(task.operator)
  && (operators.includes(task.operator) || prefixes.some((each) => task.operator_name?.startsWith(each)));

const place = (refresh) => [refresh.dag, refresh.task, refresh.map].join("\n");

/**
 * The assets of a task instance: the one whose ids all stand in its rendered fields (the longest address wins). Where
 * these name none, the one that the same task told of before. Else its outlets.
 */
export function assetsOf(task, assets, told) {
  const values = new Set(Object.values(task.fields).map(String));
  const named = assets.filter(({ uri }) => idsOf(uri).length && idsOf(uri).every((id) => values.has(id)));
  if (named.length) return [named.reduce((best, each) => (each.uri.length > best.uri.length ? each : best))];
  const before = namesOf(task).length ? undefined : told.get(place(task));
  const makes = (asset) => asset.producing_tasks?.some((by) => by.dag_id === task.dag && by.task_id === task.task);
  return assets.filter((asset) => (before === undefined ? makes(asset) : asset.id === before));
}

/** What the arguments of a task name: "agent 664a…9d0e". */
function namesOf({ fields }) {
  const isId = ([key, value]) => value && /_(id|uuid)$/.test(key) && !/(conn|sync|vector_entry)_id$/.test(key);
  const name = ([key, id]) => `${key.replace(/_(id|uuid)$/, "")} ${short(String(id))}`;
  return Object.entries(fields).filter(isId).map(name);
}

/** How a target is called that has no asset. */
const strangerOf = (each) =>
  namesOf(each).join(", ") || `${each.dag}.${each.task}${each.map < 0 ? "" : ` [${each.map}]`}`;

// --- judging one target

/** Since when: the vendor's own time, else the end of the last refresh that was no skip, else the oldest skip. */
export function asOf(refreshes) {
  const known = refreshes.filter((each) => each.ok && each.ended && each.outcome !== "announced");
  const marked = known.filter((each) => each.marker !== null).map((each) => each.marker);
  if (marked.length) return Math.max(...marked);
  const done = known.filter((each) => each.outcome !== "skipped").map((each) => each.at);
  if (done.length) return Math.max(...done);
  return known.length ? Math.min(...known.map((each) => each.at)) : null;
}

/** How old it may be: the `max_age` of the asset or the newest refresh, else an assumption. */
export function budgetOf(asset, refreshes, nextRun, known) {
  const declared = [asset.extra?.max_age, ...refreshes.map((each) => each.fields?.max_age)].map(Number);
  const said = declared.find((seconds) => seconds > 0) * 1000 || refreshes.find((each) => each.maxAge > 0)?.maxAge;
  if (said) return { age: said, assumed: false };
  const ends = refreshes.filter((each) => each.ok && each.outcome !== "announced").map((each) => each.at);
  const gaps = ends.slice(1).map((at, index) => ends[index] - at).sort((a, b) => a - b);
  const usual = gaps.length > 1 ? gaps[gaps.length >> 1] : (nextRun ?? 0) - (known ?? nextRun ?? 0);
  return { age: Math.max(ASSUMED, 2 * usual), assumed: true };
}

/** The state of a target, its age and what else is true. `refreshes` are the newest first. */
export function judge({ asset, refreshes, nextRun = null }, now) {
  const known = asOf(refreshes);
  const budget = budgetOf(asset, refreshes, nextRun, known);
  const age = known === null ? null : Math.max(0, now - known);
  const ended = refreshes.find((each) => !each.running && each.outcome !== "announced" && each.outcome !== "seen");
  const failing = ended !== undefined && !ended.ok;
  const stale = age !== null && age > budget.age;
  const open = ended?.ok && !ended.ended && now - ended.at < DAY;
  const running = open || refreshes.some((each) => each.running);
  const state = running ? "running" : failing ? "failing" : age === null ? "never" : stale ? "stale"
    : age > AGEING * budget.age ? "ageing" : "fresh";
  return { state, known, age, budget, failing, stale, last: ended ?? refreshes.find((each) => each.ok) ?? null };
}

/** Credits of the last 7 and 30 days, by day (the oldest first), and of this calendar month in UTC. */
export function spent(refreshes, now) {
  const days = Array(30).fill(0);
  const month = new Date(now).toISOString().slice(0, 7);
  let ofMonth = 0;
  for (const { at, credits } of refreshes) {
    const ago = Math.floor((now - at) / DAY);
    if (ago >= 0 && ago < 30) days[29 - ago] += credits;
    if (new Date(at).toISOString().startsWith(month)) ofMonth += credits;
  }
  const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);
  const sure = refreshes.every((each) => each.sure);
  return { days, week: sum(days.slice(-7)), thirty: sum(days), month: ofMonth, sure };
}

/** Documents that live and that failed, as far as the counts of the newest refresh tell. */
export function documents(refreshes) {
  const counts = refreshes.find((each) => Object.keys(each.counts).length)?.counts;
  if (!counts) return { live: null, failed: 0 };
  const synced = ["unchanged", "created", "updated", "renamed", "joined"].filter((name) => name in counts);
  const live = synced.length ? synced.reduce((total, name) => total + counts[name], 0) : counts.documents ?? null;
  return { live, pages: counts.pages ?? null, failed: counts.failed ?? 0 };
}

// --- judging all

/** One row for each target. */
export function merge({ assets, events, tasks, dags }, now) {
  const refreshes = new Map(assets.map((asset) => [asset.id, []]));
  const told = new Map();
  for (const each of events.map(readEvent).sort(newestFirst)) {
    refreshes.get(each.asset)?.push(each);
    if (!told.has(place(each))) told.set(place(each), each.asset);
  }
  const strangers = new Map();
  for (const each of tasks.map(readTask)) {
    const found = assetsOf(each, assets, told);
    for (const asset of each.ok ? [] : found) refreshes.get(asset.id).push(each);
    const name = strangerOf(each);
    if (!found.length) strangers.set(name, [...(strangers.get(name) ?? []), each]);
  }
  const unnamed = [...strangers].map(([name, list]) => [{ id: name, uri: "", name }, list]);
  return [...assets.map((asset) => [asset, refreshes.get(asset.id)]), ...unnamed].map(([asset, list]) => {
    list.sort(newestFirst);
    const by = list.find((each) => each.dag)?.dag ?? asset.producing_tasks?.[0]?.dag_id;
    const dag = dags.find((each) => each.dag_id === by);
    const nextRun = dag && !dag.is_paused ? time(dag.next_dagrun_run_after) : null;
    const verdict = judge({ asset, refreshes: list, nextRun: time(dag?.next_dagrun_run_after) }, now);
    return {
      ...verdict, id: asset.id, uri: asset.uri, name: asset.uri ? nameOf(asset) : asset.name, refreshes: list,
      credits: spent(list, now), documents: documents(list), nextRun, paused: dag?.is_paused ?? false, dag: by ?? null,
    };
  });
}

/** For the dashboard; a task without an asset may never be meant to run again. */
export const needsLook = (row) => row.failing || (row.stale && row.uri !== "");

/** The four numbers on top. */
export const totals = (rows) => ({
  targets: rows.length,
  stale: rows.filter((row) => row.stale).length,
  failing: rows.filter((row) => row.failing).length,
  credits: rows.reduce((sum, row) => sum + row.credits.month, 0),
});

const KEYS = {
  name: (row) => row.name, state: (row) => STATES.indexOf(row.state), known: (row) => row.known ?? 0,
  age: (row) => (row.age === null ? Infinity : -row.age / row.budget.age), last: (row) => row.last?.outcome ?? "",
  documents: (row) => -row.documents.failed || (row.documents.live ?? 0) + 1, credits: (row) => -row.credits.thirty,
  next: (row) => row.nextRun ?? Infinity,
};

/** The rows that hold every word and have the state and the vendor, in the order of a column. */
export function select(rows, { text = "", state = "", vendor = "", sort = "state", down = false } = {}) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const said = (row) => `${row.name} ${row.uri} ${row.dag} ${row.state}`.toLowerCase();
  const holds = (row) => wanted.every((word) => said(row).includes(word));
  const fits = (row) => !state || row.state === state || (state in row && row[state] === true);
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return rows.filter((row) => fits(row) && holds(row) && (!vendor || schemeOf(row.uri) === vendor))
    .sort((a, b) => (down ? -1 : 1) * compare(KEYS[sort](a), KEYS[sort](b)) || compare(a.name, b.name));
}

// --- words

/** 40 s, 5 min, 7 h, 36 h, 3 d: two digits are enough to decide on. */
export function span(ms) {
  for (const [unit, size, limit] of [["s", 1000, 90], ["min", 60_000, 90], ["h", HOUR, 49]]) {
    if (ms < limit * size) return `${Math.round(ms / size)} ${unit}`;
  }
  return `${Math.round(ms / DAY)} d`;
}

export const amount = (credits) => String(Math.round(credits * 100) / 100);
export const sums = ({ week, thirty, sure }) => `${amount(week)} · ${amount(thirty)}${sure ? "" : " ?"}`;
export const words = (name) => String(name).replaceAll("_", " ").toLowerCase();
const plural = (count, noun) => `${count} ${count === 1 ? noun.replace(/s$/, "") : noun}`;
const sentenceOf = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
export const counted = (counts) => Object.entries(counts).map(([name, count]) => plural(count, words(name))).join(", ");

export function sentence(each) {
  if (each.running) return `At work (${words(each.outcome)}), try ${each.tries}.`;
  if (!each.ok) return `Try ${each.tries} failed${each.outcome === "failed" ? "" : "; another one follows"}.`;
  if (each.outcome === "announced") return "Announced by hand, without a refresh.";
  if (each.outcome === "not_read") return "Its event was not read.";
  const cost = (each.credits || !each.sure) && `${amount(each.credits)} credits${each.sure ? "" : " (not confirmed)"}`;
  const told = [
    each.status && `status ${each.status}`, counted(each.counts), cost,
    each.seconds && `in ${span(each.seconds * 1000)}`,
    each.proof ? `proven by ${words(each.proof)}` : !each.confirmed && "without proof",
    !each.ended && "its end was not awaited",
  ].filter(Boolean);
  return sentenceOf(words(each.outcome) + (told.length ? `: ${told.join(", ")}` : ""));
}

const DURING = "A retry first looks for a run that this try may have started, and sends again only if none shows.";
const PAID = "A retry goes on waiting for the run that is already paid: 0 credits.";
const CLEAR = "A clear is a new refresh, at the full price.";
const KEPT = `A retry returns this result: 0 credits. ${CLEAR}`;
const SAME = `A retry ends with the same error: 0 credits. ${CLEAR}`;
const ANEW = "A retry is a new refresh, at the full price.";
const UNKNOWN = "What a retry would do is not known: no task state is kept here, or nothing was noted yet.";

/** What the next try would do and cost, by the record that a task keeps for it. */
function nextTry(record, done) {
  if (!record) return done.outcome ? CLEAR : UNKNOWN;
  if (record.stage !== "ended") return record.stage === "intent" ? DURING : PAID;
  return { ok: KEPT, unconfirmed: SAME }[record.ending] ?? ANEW;
}

/** One try: `record` is what it keeps for the next (Airflow 3.3 and later), `result` what it returned; or null. */
export function timeline({ task, record, result, words: error }) {
  const done = result ?? record?.result ?? {};
  const wait = record?.wait ?? done.proof ?? {};
  const evidence = wait.evidence ?? {}, baseline = record?.baseline ?? wait.baseline;
  const first = wait.first_read ?? wait.written;
  const seen = ({ status, marker }) => `status ${status ?? "missing"}${marker ? `, marker ${marker}` : ""}`;
  const shown = [
    evidence.active && "seen at work", evidence.stepped_back && "its status stepped back",
    evidence.marker_moves && "its marker moved",
  ].filter(Boolean).join(", ");
  const rule = ruleOf(done) ?? evidence.proven, looked = time(evidence.looked_at ?? evidence.status_since);
  const proof = (rule && words(rule)) || shown || "none yet";
  const what = done.outcome ? `${sentence(readEvent({ extra: done }))} ${sentenceOf(done.reason) ?? ""}`
    : record?.message || error || `None yet: the task is ${words(task?.state ?? "not known")}.`;
  return {
    steps: [
      baseline && ["Baseline", time(record?.at), `${seen(baseline)}, before anything was sent`],
      first && ["First read", time(wait.started), `${seen(first)}, after the write`],
      wait.started && ["Proof", looked, `${proof}; ${plural(evidence.polls ?? 0, "reads")}`],
      ["Outcome", time(done.finished ?? task?.end_date), what.trim()],
    ].filter(Boolean),
    retry: nextTry(record, done),
  };
}
