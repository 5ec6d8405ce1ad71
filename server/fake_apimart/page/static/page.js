// @ts-check
// What htmx has no way for: uploads with their progress, dropping and pasting pictures, a dialog,
// copying, and streams that no tab holds while nobody sees it.

/** @type {any} */
const htmx = /** @type {any} */ (window).htmx;

/** Streams of all tabs together: browsers open six connections to a host, and need some for the rest. */
const STREAMS = 3;
const LOOK_MILLISECONDS = 2000;
const POLL_MILLISECONDS = 1000;

/** @param {string} id */
const find = (id) => document.getElementById(id);
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (find(id));
/** @param {string} name */
const text = (name) => find("texts")?.dataset[name] ?? "";

// The stream of the first screen

/** Shows what happens as a stream while this tab is seen and has a place, else by looking again. */
class Stream {
  /** @param {HTMLElement} element @param {HTMLElement} now @param {HTMLElement} state */
  constructor(element, now, state) {
    this.element = element;
    this.now = now;
    this.state = state;
    /** @type {(() => void) | null} */
    this.leave = null;
    this.isTurning = false;
    element.addEventListener("htmx:sse:before:connection", (event) => {
      const { connection } = /** @type {CustomEvent} */ (event).detail;
      if (!this.leave) connection.cancelled = true;
    });
    element.addEventListener("htmx:sse:after:connection", () => this.say("live"));
    element.addEventListener("htmx:sse:close", () => this.say("away"));
    element.addEventListener("htmx:sse:error", () => this.say("away"));
    document.addEventListener("visibilitychange", () => this.turn());
    now.addEventListener("htmx:after:request", () => this.say("live"));
    now.addEventListener("htmx:error", () => this.say("away"));
    setInterval(() => this.turn(), LOOK_MILLISECONDS);
    this.turn();
  }

  /** @param {string} name */
  say(name) {
    this.state.textContent = this.state.dataset[name] ?? "";
    this.state.className = `connection ${name}`;
  }

  /** Takes or leaves a place, as this tab is seen or not. */
  async turn() {
    if (document.hidden) return this.rest();
    // One that waits for a place would be given two by another.
    if (this.isTurning) return;
    this.isTurning = true;
    try {
      this.leave ??= await this.enter();
    } finally {
      this.isTurning = false;
    }
    if (document.hidden) return this.rest();
    if (!this.leave) {
      htmx.trigger(this.now, "look");
    } else if (!(/** @type {any} */ (this.element)._htmx?.sse)) {
      htmx.trigger(this.element, "connect");
    }
  }

  /** Leaves its place; htmx ends the stream of a tab that nobody sees. */
  rest() {
    this.leave?.();
    this.leave = null;
    this.say("paused");
  }

  /** Returns what gives up a place among the streams of all tabs, or null where none is free. */
  async enter() {
    // Where a page is not secure, there is nothing that tabs could agree by.
    if (!navigator.locks) return () => {};
    for (let place = 0; place < STREAMS; place++) {
      const leave = await this.occupy(`fake-apimart-stream-${place}`);
      if (leave) return leave;
    }
    return null;
  }

  /** @param {string} name @returns {Promise<(() => void) | null>} */
  occupy(name) {
    return new Promise((answer) => {
      navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return answer(null);
        return new Promise((leave) => answer(() => leave(undefined)));
      });
    });
  }
}

// One thing opened from a list

/** @param {HTMLDialogElement} dialog */
function openDetails(dialog) {
  document.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const link = /** @type {HTMLAnchorElement | null} */ (target.closest("a[data-detail]"));
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      find("detail-content")?.replaceChildren();
      htmx.ajax("GET", link.href, { target: "#detail-content", swap: "innerHTML" }).then(() => {
        if (!find("detail-content")?.childElementCount) complain("detail-content");
        if (!dialog.open) dialog.showModal();
        dialog.scrollTop = 0;
      });
    } else if (target === dialog || target.closest("[data-close]")) {
      dialog.close();
    }
  });
}

/** Looks again at what moves, unless somebody is at work in the part that it names. */
function lookAgain() {
  if (document.hidden) return;
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-look]"))) {
    const part = each.dataset.look;
    const work = part && document.querySelector(`${part} :is(input:focus, select:focus, .note.bad)`);
    if (!work) htmx.trigger(each, "look");
  }
}

/** Takes from the address what is remembered, so that who is sent it keeps their own choice. */
function tidyAddress() {
  const address = new URL(location.href);
  const remembered = ["language", "theme"].filter((name) => address.searchParams.has(name));
  for (const name of remembered) address.searchParams.delete(name);
  if (remembered.length) history.replaceState(history.state, "", address);
}

/** @param {HTMLElement} button */
async function copy(button) {
  const source = find(button.dataset.copy ?? "");
  const said = button.textContent;
  await navigator.clipboard.writeText(source?.textContent ?? "");
  button.textContent = text("copied");
  const status = find("said");
  if (status) status.textContent = text("copied");
  setTimeout(() => (button.textContent = said), 1500);
}

/** Shows the choices alone that are valid for what another field says. @param {HTMLSelectElement} chooser */
function limitGroups(chooser) {
  const groups = document.querySelectorAll(`#${chooser.dataset.groups} [data-group]`);
  for (const group of /** @type {NodeListOf<HTMLOptGroupElement>} */ (groups)) {
    group.hidden = group.disabled = group.dataset.group !== chooser.value;
  }
  const effect = /** @type {HTMLSelectElement} */ (find(chooser.dataset.groups ?? ""));
  const chosen = effect.selectedOptions[0]?.parentElement;
  if (chosen instanceof HTMLOptGroupElement && chosen.disabled) {
    const first = effect.querySelector("optgroup:not([disabled]) option");
    effect.value = /** @type {HTMLOptionElement} */ (first).value;
  }
}

// The playground

class Playground {
  /** @param {HTMLElement} form */
  constructor(form) {
    this.root = form.dataset.root ?? "";
    this.exchanges = form.dataset.exchange ?? "";
    this.tries = 0;
    /** What waits for the upload that is on its way. @type {Promise<unknown>} */
    this.uploading = Promise.resolve();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.generate();
    });
    input("file").addEventListener("change", () => this.upload(input("file").files?.[0]));
    document.addEventListener("paste", (event) => this.take(event, event.clipboardData));
    document.addEventListener("drop", (event) => this.take(event, event.dataTransfer));
    for (const name of ["dragenter", "dragover"]) {
      document.addEventListener(name, (event) => {
        event.preventDefault();
        find("drop")?.classList.add("over");
      });
    }
    document.addEventListener("dragleave", () => find("drop")?.classList.remove("over"));
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-sample]"))) {
      each.addEventListener("click", async () => this.upload(await sample(each)));
    }
  }

  /** @param {Event} event @param {DataTransfer | null} given */
  take(event, given) {
    find("drop")?.classList.remove("over");
    if (!given?.files.length) return;
    event.preventDefault();
    this.upload(given.files[0]);
  }

  get headers() {
    return { Authorization: `Bearer ${bytesOf(input("api-key").value)}`, "X-Fake-Label": "playground" };
  }

  /** Sends a file by XMLHttpRequest: fetch tells nothing of what has been sent. @param {File | undefined} file */
  upload(file) {
    if (!file) return;
    this.preview(file);
    const form = new FormData();
    form.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", `${this.root}/v1/uploads/images`);
    for (const [name, value] of Object.entries(this.headers)) request.setRequestHeader(name, value);
    const course = /** @type {HTMLElement} */ (find("upload-course"));
    course.hidden = false;
    request.upload.onprogress = ({ loaded, total }) => {
      /** @type {HTMLProgressElement} */ (find("upload-progress")).value = loaded / total;
      /** @type {HTMLElement} */ (find("upload-percent")).textContent =
        `${Math.round((100 * loaded) / total)} % ${text("sent")}`;
    };
    request.onload = () => {
      const url = valueOf(request.responseText)?.url;
      if (request.status === 200 && url) input("image-url").value = url;
      this.show("upload-outcome", request.getResponseHeader("X-Oneapi-Request-Id"));
    };
    request.onerror = () => complain("upload-outcome");
    this.uploading = new Promise((done) => (request.onloadend = done));
    request.send(form);
    input("file").value = "";
  }

  /** @param {File} file */
  preview(file) {
    const picture = /** @type {HTMLImageElement} */ (find("preview"));
    URL.revokeObjectURL(picture.src);
    picture.hidden = true;
    picture.onload = () => (picture.hidden = false);
    picture.alt = file.name;
    picture.src = URL.createObjectURL(file);
  }

  async generate() {
    await this.uploading;
    const url = input("image-url").value.trim();
    const [size, count] = ["size", "count"].map((name) => input(name).value.trim());
    const body = {
      model: input("model").value,
      prompt: input("prompt").value,
      ...(size ? { size } : {}),
      ...(count ? { n: Number(count) } : {}),
      ...(url ? { image_urls: [url] } : {}),
    };
    const headers = { ...this.headers, "Content-Type": "application/json" };
    const answer = await this.call("generate-outcome", "/v1/images/generations", {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const task = answer?.data?.[0]?.task_id;
    if (task) this.poll(task, ++this.tries);
  }

  /** Polls until the task has ended, or another is polled. @param {string} task @param {number} attempt */
  async poll(task, attempt) {
    const course = /** @type {HTMLElement} */ (find("poll-course"));
    const [waits, problem, resultsWait] = ["poll-waits", "poll-problem", "results-wait"].map(
      (name) => /** @type {HTMLElement} */ (find(name)),
    );
    waits.hidden = problem.hidden = true;
    resultsWait.hidden = false;
    /** @type {HTMLElement} */ (find("results")).replaceChildren();
    course.hidden = false;
    while (attempt === this.tries) {
      const answer = await this.call("poll-outcome", `/v1/tasks/${encodeURIComponent(task)}`, {
        headers: this.headers,
      });
      const data = answer?.data;
      if (!data || attempt !== this.tries) return;
      /** @type {HTMLProgressElement} */ (find("poll-progress")).value = data.progress;
      /** @type {HTMLElement} */ (find("poll-status")).textContent = `${data.status} ${data.progress} %`;
      if (data.error) problem.textContent = data.error.message;
      problem.hidden = !data.error;
      resultsWait.hidden = Boolean(data.result);
      if (data.result) this.finish(data.result.images);
      if (data.completed) return;
      await new Promise((done) => setTimeout(done, POLL_MILLISECONDS));
    }
  }

  /** @param {{url: string[]}[]} images */
  finish(images) {
    const urls = images.flatMap((image) => image.url);
    const items = urls.map((url) => {
      // By this page's own way to the server: the URL may name a host that it is reached by elsewhere.
      const path = this.root + url.slice(url.indexOf("/f/"));
      const [item, picture, link] = ["li", "img", "a"].map((name) => document.createElement(name));
      Object.assign(picture, { src: path, alt: url });
      Object.assign(link, { href: path, download: "", textContent: text("download"), className: "button" });
      item.append(picture, link);
      return item;
    });
    find("results")?.replaceChildren(...items);
  }

  /**
   * Sends a request, shows it with its answer, and returns what the answer says.
   * @param {string} place @param {string} path @param {RequestInit} options
   */
  async call(place, path, options) {
    try {
      const answer = await fetch(this.root + path, { ...options, cache: "no-store" });
      const said = await answer.text();
      await this.show(place, answer.headers.get("X-Oneapi-Request-Id"));
      return valueOf(said);
    } catch {
      complain(place);
      return null;
    }
  }

  /** Shows a request as the journal has it. @param {string} place @param {string | null} id */
  async show(place, id) {
    if (!id) return complain(place);
    const open = [...document.querySelectorAll(`#${place} details`)].map((each) => each.hasAttribute("open"));
    await htmx.ajax("GET", `${this.exchanges}?id=${encodeURIComponent(id)}`, { target: `#${place}`, swap: "innerHTML" });
    // Polls follow one another: what was opened stays so.
    document.querySelectorAll(`#${place} details`).forEach((each, index) => {
      if (open.length) each.toggleAttribute("open", open[index]);
    });
  }
}

/** @param {string} place */
function complain(place) {
  const note = document.createElement("p");
  note.className = "note bad";
  note.textContent = text("failed");
  find(place)?.replaceChildren(note);
}

/** Returns text in UTF-8 as headers take it: one character for each byte. @param {string} said */
function bytesOf(said) {
  return String.fromCharCode(...new TextEncoder().encode(said));
}

/** @param {string} json */
function valueOf(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** Returns a file to try with. @param {HTMLElement} button @returns {Promise<File>} */
async function sample(button) {
  if (button.dataset.sample === "text") return new File(["This is no picture.\n"], "notes.txt", { type: "text/plain" });
  const picture = await drawn();
  if (button.dataset.sample === "picture") return new File([picture], "sunset.png", { type: "image/png" });
  const missing = Number(button.dataset.bytes) - picture.size;
  return new File([picture, new Uint8Array(missing)], "large.png", { type: "image/png" });
}

/** @returns {Promise<Blob>} */
function drawn() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const sky = context.createLinearGradient(0, 0, 0, 480);
  ["#1e3a5f", "#b4476b", "#f7b267"].forEach((colour, index) => sky.addColorStop(index / 2, colour));
  context.fillStyle = sky;
  context.fillRect(0, 0, 640, 480);
  context.fillStyle = "#fff3c4";
  context.beginPath();
  context.arc(430, 300, 60, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#14233a";
  context.fillRect(0, 350, 640, 130);
  return new Promise((done) => canvas.toBlob((blob) => done(/** @type {Blob} */ (blob)), "image/png"));
}

// What every screen has

document.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-copy]");
  if (button) copy(/** @type {HTMLElement} */ (button));
});
document.addEventListener("change", (event) => {
  const field = /** @type {HTMLSelectElement} */ (event.target);
  if (field.matches("[data-submit]")) field.form?.requestSubmit();
  if (field.matches("[data-groups]")) limitGroups(field);
});
document.addEventListener(
  "error",
  (event) => {
    const picture = event.target;
    if (picture instanceof HTMLImageElement) picture.closest(".picture, .large, .pictures li")?.classList.add("broken");
  },
  true,
);

function limitAllGroups() {
  for (const each of document.querySelectorAll("[data-groups]")) limitGroups(/** @type {HTMLSelectElement} */ (each));
}
document.addEventListener("htmx:after:swap", (event) => {
  const { sourceElement, response } = /** @type {CustomEvent} */ (event).detail.ctx;
  // What was taken is shown as the server has it, not as it was typed.
  if (response?.status < 400 && sourceElement?.matches("form[data-fresh]")) sourceElement.reset();
  limitAllGroups();
});
limitAllGroups();
tidyAddress();
setInterval(lookAgain, LOOK_MILLISECONDS);

const dialog = find("detail");
if (dialog) openDetails(/** @type {HTMLDialogElement} */ (dialog));
// What nobody sees any more is not followed.
dialog?.addEventListener("close", () => find("detail-content")?.replaceChildren());
const [stream, now, connection] = ["stream", "now", "connection"].map(find);
if (stream && now && connection) new Stream(stream, now, connection);
const form = find("playground");
if (form) new Playground(form);
