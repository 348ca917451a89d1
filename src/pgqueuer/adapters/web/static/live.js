// Keeps an open page up to date, and sends its forms without leaving it.
"use strict";

const live = document.getElementById("live");
const connection = document.getElementById("connection");
const notice = document.getElementById("notice");
const SHORTEST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
const REST = 10; // times what the last answer took: a database with much to count is spared

let fetching = false;
let again = false;
let newest = 0;
let took = 0;
let shown = "";

function say(text, bad) {
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
  notice.hidden = false;
}

function tell(text, lost) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.classList.toggle("lost", lost);
}

function tellReachable(reachable) {
  tell(reachable ? "Live" : "Not reachable, trying again", !reachable);
}

// What a visitor has done to the page and a new copy of it does not know.
function remember() {
  const focused = document.activeElement;
  return {
    findFocus: live.contains(focused) ? finderOf(focused) : () => null,
    checked: [...live.querySelectorAll("input:checked")].map((box) => box.name + box.value),
    open: [...live.querySelectorAll("details[open]")].map((each) => each.id),
    scrolled: [...live.querySelectorAll(".scroll, pre")].map((each) => [each.scrollLeft, each.scrollTop]),
  };
}

function restore(state) {
  for (const box of live.querySelectorAll("input[type=checkbox]")) {
    box.checked = state.checked.includes(box.name + box.value);
  }
  for (const each of live.querySelectorAll("details")) {
    each.open = state.open.includes(each.id);
  }
  live.querySelectorAll(".scroll, pre").forEach((each, index) => {
    [each.scrollLeft, each.scrollTop] = state.scrolled[index] || [0, 0];
  });
  const focused = state.findFocus();
  if (focused) focused.focus({ preventScroll: true });
}

// How to find the element again in a new copy of the page: rows are known by what names them.
function finderOf(element) {
  const { id, localName } = element;
  if (id) return () => document.getElementById(id);
  const row = element.closest("tr");
  const key = row && keyOf(row);
  const place = row ? rowsOf(key).indexOf(row) : 0;
  const index = fellows(row, localName).indexOf(element);
  return () => {
    const scope = row ? rowsOf(key)[place] : null;
    return row && !scope ? null : fellows(scope, localName)[index];
  };
}

function keyOf(row) {
  return (row.querySelector("th") || row).textContent;
}

function rowsOf(key) {
  return [...live.querySelectorAll("tr")].filter((row) => keyOf(row) === key);
}

function fellows(row, name) {
  return [...(row || live).querySelectorAll(name)].filter((each) => row || !each.closest("tr"));
}

// While a visitor types, chooses or marks text to copy it, the page stays as it is.
function isBusy() {
  const focused = document.activeElement;
  const marked = document.getSelection();
  return (
    (live.contains(focused) && focused.matches("select, input:not([type=checkbox])")) ||
    (!marked.isCollapsed && live.contains(marked.anchorNode))
  );
}

async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  if (document.hidden) return;
  if (isBusy()) {
    tell("Waits while you choose", false);
    return;
  }
  fetching = true;
  const started = Date.now();
  try {
    const answer = await fetch(live.dataset.part, { headers: { Accept: "text/html" } });
    tellReachable(answer.ok);
    if (answer.ok) {
      const html = await answer.text();
      took = Date.now() - started;
      if (!isBusy() && html !== shown) {
        shown = html;
        const state = remember();
        live.innerHTML = html;
        restore(state);
      }
    }
  } catch {
    tellReachable(false);
  } finally {
    newest = Date.now();
    fetching = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

let planned = null;
function soon() {
  if (planned === null) {
    const pause = Math.min(Math.max(SHORTEST_PAUSE, REST * took), LONGEST_PAUSE);
    planned = setTimeout(() => {
      planned = null;
      refresh();
    }, Math.max(0, newest + pause - Date.now()));
  }
}

// Why the server refused: plain text, the JSON of FastAPI, or a page that says what is wrong.
async function reasonOf(answer) {
  const text = await answer.text();
  const type = answer.headers.get("Content-Type") || "";
  if (type.includes("html")) {
    const said = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    if (said) return [...said.querySelectorAll("h1, p:not(:has(a))")].map((each) => each.textContent).join(". ");
  }
  if (type.includes("json")) {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
  }
  return type.includes("text/plain") && text ? text : `The server answered ${answer.status}`;
}

async function send(form, submitter) {
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
  const body = new URLSearchParams(new FormData(form, submitter));
  if (submitter) submitter.disabled = true;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
    if (answer.ok) {
      say(form.dataset.done, false);
      document.getElementById("main").focus({ preventScroll: true });
      document.getSelection().removeAllRanges();
      await refresh();
    } else {
      say(await reasonOf(answer), true);
    }
  } catch {
    say("The server can not be reached; nothing is known to be done.", true);
  } finally {
    if (submitter) submitter.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-action]")) return;
  event.preventDefault();
  send(event.target, event.submitter);
});

document.addEventListener("change", (event) => {
  const name = event.target.dataset && event.target.dataset.all;
  if (!name) return;
  for (const box of event.target.form.querySelectorAll(`input[name="${CSS.escape(name)}"]`)) {
    box.checked = event.target.checked;
  }
});

if (live) {
  const every = Number(live.dataset.every);
  if (every) {
    tellReachable(true);
    setInterval(soon, every * 1000);
    document.addEventListener("visibilitychange", refresh);
    const events = document.body.dataset.events;
    if (events) {
      new EventSource(events).addEventListener("queue-change", soon);
    }
  }
}
