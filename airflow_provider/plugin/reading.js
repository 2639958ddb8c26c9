// What the page asks of Airflow's public REST API, with the reader's own rights.
import * as judge from "./judgement.js";

export const facts = "FACTS"; // web.py writes them here
const [, MINOR] = facts.airflow;
export const SCHEMES = Object.keys(facts.vendors);
export const PAGE = 100; // asked for; [api] maximum_page_limit may give fewer

const fieldsOf = new Map();

/** One reader's requests. What is refused is noted by its name, and blocks nothing. */
export class Reader {
  refused = new Map();
  asked = 0;
  step = PAGE;

  async get(what, path, params = {}) {
    const url = new URL(`api/v2/${path}`, document.baseURI);
    for (const [name, value] of Object.entries(params)) {
      for (const each of [value].flat()) url.searchParams.append(name, each);
    }
    this.asked += 1;
    const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) return answer.json();
    // Not there is an answer, too.
    if (answer?.status !== 404) this.refused.set(what, answer?.status ?? "no answer");
    return null;
  }

  /** At most so many pages of a list; `total` is how many items there are in all. */
  async pages(what, path, params, most, from = 0) {
    const key = path.split("/").pop().replace("events", "asset_events").replace("taskInstances", "task_instances");
    const page = (number) => this.get(what, path, { ...params, limit: PAGE, offset: number * this.step });
    if (most < 1) return { total: 0, list: [] };
    const first = await page(from);
    const total = first?.total_entries ?? 0, got = first?.[key].length || PAGE;
    if (!from && got < total) this.step = Math.min(this.step, got);
    const others = Math.max(0, Math.min(most, Math.ceil(total / this.step) - from) - 1);
    const rest = await Promise.all(Array.from({ length: others }, (_, index) => page(from + index + 1)));
    return { total, list: [first, ...rest].flatMap((each) => each?.[key] ?? []) };
  }

  events(most, from = 0, params = {}) {
    const named = MINOR < 2 ? {} : { name_prefix_pattern: SCHEMES.join("|") };
    const month = new Date(Date.now() - 31 * judge.DAY).toISOString();
    const newest = { ...named, timestamp_gte: month, order_by: "-timestamp", ...params };
    return this.pages("asset events", "assets/events", newest, most, from);
  }

  async eventsOf(assetId, limit) {
    const params = { asset_id: assetId, order_by: "-timestamp", limit };
    return (await this.get("asset events", "assets/events", params))?.asset_events ?? [];
  }

  async tasks() {
    const month = new Date(Date.now() - 31 * judge.DAY).toISOString();
    const prefixes = { operator_name_prefix_pattern: facts.prefixes.join("|") };
    const named = MINOR < 2 ? { operator: facts.operators } : prefixes;
    const read = (what, state, params, most) =>
      this.pages(what, "dags/~/dagRuns/~/taskInstances", { ...named, state, ...params }, most);
    const ended = { end_date_gte: month, order_by: "-end_date" };
    const found = await Promise.all([
      read("tasks at work", judge.AT_WORK, { order_by: "-start_date" }, 2),
      read("failed tasks", judge.FAILED, ended, 2),
      read("tasks that succeeded", ["success"], ended, 1),
    ]);
    const tasks = found.flatMap((each) => each.list).filter((each) => judge.isOurs(each, facts));
    // Before Airflow 3.3 a list has no arguments: they are asked for one by one, two in each round.
    const unknown = MINOR < 3 ? tasks.filter((each) => !fieldsOf.has(each.id)).slice(0, 2) : [];
    const asked = unknown.map((each) => this.get("arguments", instancePath(judge.readTask(each))));
    for (const each of await Promise.all(asked)) if (each) fieldsOf.set(each.id, each.rendered_fields);
    return tasks.map((each) => ({ ...each, rendered_fields: fieldsOf.get(each.id) ?? each.rendered_fields }));
  }

  async assets() {
    const asked = MINOR < 2 ? SCHEMES.map((each) => ({ uri_pattern: `${each}://` }))
      : [{ uri_prefix_pattern: SCHEMES.join("|") }];
    const read = (params) => this.pages("assets", "assets", { ...params, only_active: false, order_by: "id" }, 10);
    const found = (await Promise.all(asked.map(read))).flatMap((each) => each.list);
    return found.filter((each) => SCHEMES.includes(judge.schemeOf(each.uri)) && judge.isAlive(each));
  }

  async dags({ assets, events, tasks }) {
    const makers = assets.flatMap((each) => each.producing_tasks.map((by) => by.dag_id));
    const writers = [...events.map((each) => each.source_dag_id), ...tasks.map((each) => each.dag_id)];
    const ids = new Set([...makers, ...writers].filter(Boolean));
    const pattern = [...ids].join("|");
    const named = MINOR < 2 || pattern.length > 6000 ? {} : { dag_id_pattern: pattern };
    return ids.size ? (await this.pages("DAGs", "dags", named, Math.min(5, Math.ceil(ids.size / PAGE)))).list : [];
  }
}

/** Assets whose events were not read; when the last one was, Airflow says with the asset itself. */
const unread = (assets, events) => {
  const told = new Set(events.map((each) => each.asset_id));
  return assets.filter((each) => each.last_asset_event?.timestamp && !told.has(each.id));
};
const stand = ({ id, last_asset_event: last }) =>
  ({ asset_id: id, timestamp: last.timestamp, extra: { outcome: "not_read" } });

/** What a first look needs, in five requests for 100 targets. */
export async function readFirst(reader) {
  const asked = [reader.assets(), reader.events(1), reader.tasks()];
  const [assets, { list: events, total }, tasks] = await Promise.all(asked);
  const data = { assets, tasks, dags: [], read: events, total, refused: reader.refused, at: Date.now() };
  return { ...data, events: [...events, ...unread(assets, events).map(stand)] };
}

/** The rest: with the page's four files twelve requests in all for 96 targets, never more than 36. */
export async function readRest(reader, data) {
  const dags = reader.dags(data);
  const left = Math.min(32, Math.max(8, Math.ceil(data.assets.length / 12))) - reader.asked;
  const more = Math.min(left, Math.ceil(data.total / reader.step) - 1);
  const read = [...data.read, ...(await reader.events(more, 1)).list];
  // Older than a month, or of a name that is no address: one by one, as far as the requests go.
  const silent = unread(data.assets, read);
  const asked = silent.slice(0, Math.max(0, left - Math.max(0, more)));
  const single = (await Promise.all(asked.map((each) => reader.eventsOf(each.id, 20)))).flat();
  const events = [...read, ...single];
  return { ...data, read, events: [...events, ...unread(data.assets, events).map(stand)], dags: await dags };
}

/** What is new since then, in four requests. */
export async function readNews(data) {
  const reader = new Reader();
  const since = data.read.length ? { timestamp_gt: data.read[0].timestamp } : {};
  const [tasks, { list }] = await Promise.all([reader.tasks(), reader.events(1, 0, since)]);
  const news = { tasks, read: [...list, ...data.read], events: [...list, ...data.events] };
  return { ...data, ...news, total: data.total + list.length, refused: reader.refused, at: Date.now() };
}

export const taskPath = ({ dag, run, task }) =>
  `dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}/taskInstances/${encodeURIComponent(task)}`;

const instancePath = (each) => taskPath(each) + (each.map < 0 ? "" : `/${each.map}`);

const readResult = async (reader, each) => {
  const path = `${taskPath(each)}/xcomEntries/return_value`;
  return (await reader.get("results (XCom)", path, { map_index: each.map, deserialize: true }))?.value;
};

/** The error that a try ended with: the last one in its log. */
async function readWords(reader, each) {
  const params = { map_index: each.map, full_content: true };
  const log = await reader.get("task logs", `${taskPath(each)}/logs/${each.tries}`, params);
  const lines = Array.isArray(log?.content) ? log.content : [];
  return lines.flatMap((line) => line.error_detail ?? []).at(-1)?.exc_value ?? null;
}

export async function readDetail({ id, uri, refreshes, failing }) {
  const reader = new Reader();
  const good = refreshes.find((each) => each.ok && each.run);
  const bad = failing && refreshes.find((each) => !each.ok && !each.running);
  const asked = [uri ? reader.eventsOf(id, 20) : [], good && readResult(reader, good), bad && readWords(reader, bad)];
  const [events, result, words] = await Promise.all(asked);
  return { events, result, words, refused: reader.refused };
}

export async function readTry(each) {
  const reader = new Reader();
  const path = taskPath(each);
  const task = await reader.get("the task", instancePath(each));
  const found = { task, ours: task && judge.isOurs(task, facts), refused: reader.refused };
  if (!found.ours) return found;
  const [kept, result, words] = await Promise.all([
    MINOR >= 3 && reader.get("task state", `${path}/state-store`, { map_index: each.map }),
    task.state === "success" && readResult(reader, each),
    judge.FAILED.includes(task.state) && readWords(reader, { ...each, tries: task.try_number }),
  ]);
  const record = kept?.task_state_store?.find((one) => one.key === facts.record)?.value;
  return { ...found, record, result: result || null, words };
}

export async function readAsset(id) {
  const reader = new Reader();
  const asked = [reader.get("the asset", `assets/${id}`), reader.eventsOf(id, PAGE), reader.tasks()];
  const [asset, events, tasks] = await Promise.all(asked);
  const ours = asset && SCHEMES.includes(judge.schemeOf(asset.uri));
  const [row] = ours ? judge.merge({ assets: [asset], events, tasks, dags: [] }, Date.now()) : [];
  return { row, refused: reader.refused };
}
