// The bot's page: the queue live, the history, one job, and the buttons.
import {clone, connect, find, partsList, put, putResult, rows, show, sort, tell, tree, you}
  from "./live.js";

const STATES = {running: "running", paused: "paused: no job starts",
  draining: "draining: no job is accepted", stopping: "stopping"};
const ENDED = new Set(["done", "failed", "cancelled"]);
const cards = new Map();            // of the queue: elements by their rows' keys
const views = ["queue", "history", "job"];
const said = find("#said");

// -- cards ---------------------------------------------------------------------------------------

function card() {
  const item = clone("job");
  find(".cancel", item).addEventListener("click", async () => {
    const number = item.dataset.number;
    if (await ask(`Cancel job ${number}, ${find(".name", item).textContent}?`, "Cancel the job")) {
      act("cancel", number);
    }
  });
  find(".retry", item).addEventListener("click", () => act("retry", item.dataset.number));
  return item;
}

function drawCard(item, row) {
  item.dataset.number = row.number;
  item.dataset.status = row.status;
  const anchor = find(".number", item);
  put(anchor, `#${row.number}`);
  anchor.href = `#job-${row.number}`;
  put(find(".name", item), row.name);
  const share = row.share == null ? "" : ` ${row.share.toFixed(1)}%`;
  const place = row.place == null ? "" : ` in place ${row.place}`;
  const wait = row.wait == null ? "" : `, for ${row.wait}`;
  put(find(".status", item), row.status + share + place + wait);
  drawWho(find(".who", item), row);
  putResult(item, row.sentence, row.link);
  for (const [name, text] of [["cancel", "Cancel"], ["retry", "Retry"]]) {
    const button = find(`.${name}`, item);
    show(button, you.may_act && (name === "retry" ? Boolean(row.again) : !ENDED.has(row.status)));
    button.setAttribute("aria-label", `${text} job ${row.number}`);
  }
}

function drawWho(line, row) {
  const parts = [`asked ${moment(row.created)}`, `to ${row.to}`, row.format, row.bitrate, row.size,
    row.private ? "private" : null, row.on && row.on !== "local" ? `on ${row.on}` : null,
    row.attempts ? `attempt ${row.attempts}` : null, row.took ? `took ${row.took}` : null];
  const text = ` · ${parts.filter(Boolean).join(" · ")}`;
  if (line.dataset.text === text) return;
  line.dataset.text = text;
  line.replaceChildren(person(row.user), text);
}

// Discord shows who an id is, to people who are logged in there.
function person(id) {
  const anchor = document.createElement("a");
  anchor.textContent = `user ${id}`;
  anchor.href = `https://discord.com/users/${encodeURIComponent(id)}`;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  return anchor;
}

function moment(seconds) {
  const date = new Date(seconds * 1000), today = new Date().toDateString();
  const clock = date.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
  return date.toDateString() === today ? clock : `${date.toLocaleDateString()} ${clock}`;
}

// -- the queue -----------------------------------------------------------------------------------

const lists = {running: find("#running"), waiting: find("#waiting"), recent: find("#recent")};

function draw(changed, whole) {
  const touched = new Set();
  for (const key of changed) {
    const row = rows.get(key);
    if (key === "") drawBot(row ?? {});
    else if (row?.kind === "job") touched.add(drawJob(key, row, whole));
    else if (cards.has(key)) {
      cards.get(key).remove();
      cards.delete(key);
    }
  }
  for (const list of touched) if (list) sort(list, item => rows.get(item.dataset.key)?.order ?? 0);
  stages.draw(changed, whole);
  for (const [name, list] of Object.entries(lists)) show(find(`#none-${name}`), !list.firstChild);
  if ([...changed].some(key => key.startsWith("machine:"))) drawMachines();
  if (whole || changed.has(`job:${shownJob}`)) drawOne();
  stagesOfOne.draw(changed, whole);
}

function drawJob(key, row, whole) {
  const list = lists[row.status] ?? lists.recent;
  let item = cards.get(key);
  const before = item?.dataset.status;
  if (!item) {
    item = card();
    item.dataset.key = key;
    cards.set(key, item);
  }
  const hadFocus = item.contains(document.activeElement);
  drawCard(item, row);
  if (!whole && before && before !== row.status) {
    if (ENDED.has(row.status)) tell(`Job ${row.number}, ${row.name}: ${row.status}.`);
    if (row.status !== "running") find(".parts", item)?.remove();
  }
  if (item.parentElement === list && rows.get(key).order === Number(item.dataset.order)) return null;
  item.dataset.order = row.order;
  if (item.parentElement !== list) {
    list.append(item);
    if (hadFocus) find(".number", item).focus();
  }
  return list;
}

const stages = tree(row => {
  const item = cards.get(row.parent);
  return item ? find(".parts", item) ?? partsList(item) : null;
});

function drawBot(bot) {
  put(find("#running-count"), `${bot.running ?? 0} of ${bot.slots ?? 0}`);
  put(find("#waiting-count"), `${bot.waiting ?? 0}`);
  facts(find("#facts"), {
    "The queue is": STATES[bot.state], "Up since": bot.began && moment(bot.began),
    "Load": bot.load, "Memory": bot.memory,
    "Free disk": bot.disk && `${bot.disk}${bot.disk_is_low ? ", too little to begin a job" : ""}`,
    "Event loop late by": bot.late && `${bot.late} at most`});
  show(find("#control"), you.may_act);
  const stands = bot.state !== "running";
  for (const button of document.querySelectorAll("#control button")) {
    button.disabled = button.dataset.verb === "resume" ? !stands
      : bot.state === (button.dataset.verb === "pause" ? "paused" : "draining");
  }
}

function facts(list, told) {
  for (const [name, value] of Object.entries(told)) {
    let entry = [...list.children].find(item => item.dataset.name === name);
    if (!entry) {
      entry = document.createElement("div");
      entry.dataset.name = name;
      entry.append(document.createElement("dt"), document.createElement("dd"));
      entry.firstChild.textContent = name;
      list.append(entry);
    }
    if (value instanceof Node) entry.lastChild.replaceChildren(value);
    else put(entry.lastChild, value == null ? "" : String(value));
    show(entry, value != null && value !== "");
  }
}

function drawMachines() {
  const machines = [...rows.values()].filter(row => row.kind === "machine");
  show(find("#machines"), machines.length > 0);
  find("#machine-list").replaceChildren(...machines.map(row => {
    const item = document.createElement("li");
    const jobs = row.jobs ? `, jobs ${row.jobs}` : "";
    item.className = "job";
    item.textContent = `${row.name} (${row.version}): `
      + (row.refused ? `gets no jobs: ${row.refused}` : `${row.slots} slots${jobs}`);
    return item;
  }));
}

// -- buttons -------------------------------------------------------------------------------------

async function act(verb, job) {
  put(said, "");
  said.className = "";
  try {
    const answer = await fetch("act", {method: "POST", headers: {"Content-Type": "application/json"},
      body: JSON.stringify(job == null ? {verb} : {verb, job: Number(job)})});
    if (answer.status === 401) { location.assign("login"); return; }
    const told = await answer.json();
    said.className = answer.ok ? "" : "error";
    put(said, told.done ?? told.error);
  } catch {
    said.className = "error";
    put(said, "The bot does not answer; try again.");
  }
}

const dialog = find("#ask");

function ask(question, yes) {
  put(find("#question"), question);
  put(find("#yes"), yes);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener(
    "close", () => resolve(dialog.returnValue === "yes"), {once: true}));
}

find("#yes").addEventListener("click", () => dialog.close("yes"));
find("#no").addEventListener("click", () => dialog.close());
find("#control").addEventListener("click", async event => {
  const verb = event.target.dataset.verb;
  if (!verb) return;
  if (verb === "drain" && !await ask("Accept no more jobs? Those that are there are finished.",
    "Drain")) return;
  act(verb);
});

// -- the history ---------------------------------------------------------------------------------

const search = find("#search"), history = find("#history-list"), older = find("#older");

async function look(before) {
  const asked = new URLSearchParams(new FormData(search));
  if (before) asked.set("before", before);
  let told;
  try {
    const answer = await fetch(`history?${asked}`);
    if (answer.status === 401) { location.assign("login"); return; }
    told = await answer.json();
  } catch {
    told = {error: "The bot does not answer; try again."};
  }
  if (told.error) { put(find("#found"), told.error); return; }
  const items = told.rows.map(row => {
    const item = card();
    drawCard(item, row);
    return item;
  });
  if (before) history.append(...items);
  else history.replaceChildren(...items);
  put(find("#found"), history.children.length
    ? `${history.children.length}${told.more ? " and more" : ""} found.` : "Nothing was found.");
  show(older, told.more);
  if (before) find(".number", items[0])?.focus();
}

search.addEventListener("submit", event => {
  event.preventDefault();
  look();
});
older.addEventListener("click", () => look(history.lastElementChild.dataset.number));

// -- one job -------------------------------------------------------------------------------------

let shownJob = 0;
const one = find("#one-job"), details = find("#details");

async function drawOne() {
  if (!shownJob) return;
  const number = shownJob;
  put(find("#job-title"), `Job ${number}`);
  let row = rows.get(`job:${number}`);
  if (!row && document.body.dataset.line !== undefined) {
    try {
      const answer = await fetch(`history?text=${number}`);
      row = (await answer.json()).rows?.find(found => found.number === number);
    } catch { /* the line above says that nobody answers */ }
  }
  if (number !== shownJob) return;
  show(find("#no-job"), !row);
  show(details, Boolean(row));
  if (!row) { one.replaceChildren(); return; }
  const item = one.firstElementChild ?? one.appendChild(card());
  drawCard(item, row);
  facts(details, {
    "Asked for by": person(row.user), "Asked": moment(row.created),
    "Server": row.server ?? "direct messages", "Channel": row.channel,
    "Goes to": row.to, "Format": row.format, "Bitrate": row.bitrate, "Size of the source": row.size,
    "Seen by": row.private ? "the requester only" : "everybody there",
    "Started": row.started && moment(row.started), "Runs on": row.on, "Attempts": row.attempts ?? 1,
    "Took": row.took, "Result": row.result, "Size of the result": row.result_size,
    "Length": row.length});
}

const stagesOfOne = tree(row => {
  const item = row.parent === `job:${shownJob}` && one.firstElementChild;
  return item ? find(".parts", item) ?? partsList(item) : null;
});

// -- views ---------------------------------------------------------------------------------------

let greeted = false;                // whether the bot has said what we may do

function go() {
  const [, name, number] = /^#(queue|history|job)?-?(\d{1,15})?$/.exec(location.hash) ?? [];
  const view = name ?? "queue";
  shownJob = view === "job" ? Number(number) : 0;
  for (const other of views) show(find(`#view-${other}`), other === view);
  for (const anchor of document.querySelectorAll("nav a")) {
    if (anchor.hash === `#${view}`) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  document.title = `${view === "job" ? `Job ${number}` : view[0].toUpperCase() + view.slice(1)} – SimiluBot`;
  stagesOfOne.clear();
  one.replaceChildren();
  details.replaceChildren();
  put(said, "");
  if (view === "history" && greeted) look();
  if (view === "job") drawOne().then(() => stagesOfOne.draw(rows.keys(), true));
}

addEventListener("hashchange", () => { go(); find("#main").focus(); });
go();
connect(draw, () => {
  drawBot(rows.get("") ?? {});
  if (greeted) return;
  greeted = true;
  go();
});
