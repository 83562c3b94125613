// What both pages share: the connection, the rows of the state, and operations drawn as a tree.
// Everything that is shown is put in as text, never as HTML.

export const rows = new Map();      // the state: rows by their keys, as the server has them
export const you = {now: Date.now() / 1000, may_act: false, may_log_out: false};
let skew = 0;                       // seconds that the server's clock is ahead of ours

const LATER = 3000;                 // milliseconds until we try a closed connection again
const line = document.querySelector("#line");

export const find = (selector, within = document) => within.querySelector(selector);

export function put(element, text) {
  text = text ?? "";
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export const clone = id => find(`#${id}`).content.firstElementChild.cloneNode(true);

export const now = () => Date.now() / 1000 + skew;

export function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left}s`;
  if (left < 3600) return `${Math.floor(left / 60)}m ${left % 60}s`;
  if (left < 86400) return `${Math.floor(left / 3600)}h ${Math.floor(left % 3600 / 60)}m`;
  return `${Math.floor(left / 86400)}d ${Math.floor(left % 86400 / 3600)}h`;
}

// -- the connection ------------------------------------------------------------------------------

// draw(changed): called with the keys of the rows that changed; a whole new state has all of them.
export function connect(draw, onHello = () => {}) {
  const events = new EventSource("events");
  const data = message => JSON.parse(message.data);
  events.addEventListener("you", message => {
    Object.assign(you, data(message));
    skew = you.now - Date.now() / 1000;
    const leave = find("#leave");
    if (leave) show(leave, you.may_log_out);
    onHello();
    connected("Live", "live");
  });
  events.addEventListener("all", message => {
    const state = data(message), changed = new Set([...rows.keys(), ...Object.keys(state)]);
    rows.clear();
    for (const [key, row] of Object.entries(state)) rows.set(key, row);
    draw(changed, true);
  });
  events.addEventListener("some", message => {
    const state = data(message);
    for (const [key, fields] of Object.entries(state)) {
      if (fields === null) rows.delete(key);
      else rows.set(key, {...rows.get(key), ...fields});
    }
    draw(new Set(Object.keys(state)), false);
  });
  events.addEventListener("end", () => {
    events.close();
    connected("The program has ended; this is its last state.", "ended");
  });
  events.addEventListener("error", async () => {
    connected("The connection is lost; trying again…", "lost");
    if (events.readyState !== EventSource.CLOSED) return;   // the browser tries again by itself
    try {
      const answer = await fetch("./", {redirect: "manual"});
      if (answer.type === "opaqueredirect") { location.assign("login"); return; }
    } catch { /* nobody is there */ }
    setTimeout(connect, LATER, draw, onHello);
  });
}

function connected(text, state) {
  put(line, text);
  document.body.dataset.line = state;
}

// -- what a screen reader is told: ends, a few at a time -----------------------------------------

const heard = [];
let speaking = 0;

export function tell(text) {
  heard.push(text);
  speaking ||= setTimeout(() => {
    speaking = 0;
    const all = heard.splice(0);
    put(find("#told"), all.length > 3 ? `${all.length} have ended.` : all.join(" "));
  }, 1000);
}

// -- operations ----------------------------------------------------------------------------------

const WORDS = {planned: "to come", starting: "starting", in_progress: "running",
  completed: "done", failed: "failed", cancelled: "cancelled"};
const ENDED = new Set(["completed", "failed", "cancelled"]);
let names = 0;

// Draws operations: `top` gives the list for those that are part of nothing drawn here, or null
// where they are not wanted; `tells` says whether a screen reader hears of ends.
export function tree(top, tells = false) {
  const drawn = new Map();          // elements by their rows' keys

  function draw(changed, whole) {
    const lists = new Set();
    for (const key of changed) {
      const row = rows.get(key);
      if (row?.kind === "operation") {
        lists.add(drawOne(key, row, tells && !whole));
      } else if (drawn.has(key)) {
        drawn.get(key).remove();
        drawn.delete(key);
      }
    }
    for (const list of lists) if (list) sort(list, item => rows.get(item.dataset.key)?.order ?? 0);
  }

  // Returns the list that has to be sorted, if one has.
  function drawOne(key, row, telling) {
    const list = partsOf(row.parent) ?? top(row);
    if (!list) return null;
    let item = drawn.get(key);
    const before = item?.dataset.status;
    if (!item) {
      item = clone("operation");
      item.dataset.key = key;
      find(".name", item).id = `name-${++names}`;
      find("progress", item).setAttribute("aria-labelledby", `name-${names}`);
      drawn.set(key, item);
    }
    drawOperation(item, row);
    if (telling && before && before !== row.status && ENDED.has(row.status)) {
      tell(`${row.name}: ${WORDS[row.status]}.`);
    }
    if (item.parentElement === list) return null;
    list.append(item);
    return list;
  }

  function partsOf(parent) {
    const item = drawn.get(parent);
    return item ? find(":scope > .parts", item) ?? partsList(item) : null;
  }

  function clear() {
    for (const item of drawn.values()) item.remove();
    drawn.clear();
  }

  return {draw, clear};
}

export function partsList(item) {
  const list = document.createElement("ul");
  list.className = "operations parts";
  item.append(list);
  return list;
}

function drawOperation(item, row) {
  item.dataset.status = row.status;
  put(find(".name", item), row.name);
  put(find(".status", item), WORDS[row.status]);
  const bar = find("progress", item);
  if (row.share != null) bar.value = row.share;
  else if (row.status === "planned") bar.value = 0;
  else bar.removeAttribute("value");
  put(find(".share", item), row.share == null ? "" : `${row.share.toFixed(1)}%`);
  put(find(".sizes", item), row.sizes);
  put(find(".speed", item), row.speed);
  put(find(".eta", item), row.eta && `ETA ${row.eta}`);
  putElapsed(find(".elapsed", item), row.began, row.ended);
  putResult(item, row.message, row.link);
}

export function putResult(item, message, link) {
  const sentence = find(".message", item), result = find(".result", item);
  put(sentence, message === link ? "" : message);
  show(sentence, sentence.textContent !== "");
  show(result, Boolean(link));
  const anchor = find(".link", result);
  if (link && anchor.textContent !== link) {
    anchor.textContent = link;
    if (/^https?:\/\//.test(link)) anchor.href = link;
  }
}

// Puts the items of a list into the order that a number of each gives; what has the focus keeps it.
export function sort(list, number) {
  const wanted = [...list.children].sort((a, b) => number(a) - number(b));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  wanted.forEach((item, place) => {
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
  if (focused && document.activeElement !== focused) focused.focus();
}

// -- elapsed times -------------------------------------------------------------------------------

const running = new Set();

// "for 3s" while it goes on, "took 3s" once it ended; nothing where the beginning is not known.
export function putElapsed(element, began, ended) {
  running.delete(element);
  if (began == null) put(element, "");
  else if (ended != null) put(element, `took ${duration(ended - began)}`);
  else {
    element.dataset.began = began;
    running.add(element);
    tick(element);
  }
}

function tick(element) {
  put(element, `for ${duration(now() - element.dataset.began)}`);
}

setInterval(() => {
  for (const element of running) {
    if (element.isConnected) tick(element); else running.delete(element);
  }
}, 1000);
