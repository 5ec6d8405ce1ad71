/** A small program that uses APIMart to have a model redraw a photo. */
const ATTEMPTS = 3;
const PAUSE_MILLISECONDS = 50;
const PATIENCE_MILLISECONDS = 10_000;

/** The picture could not be made; the message says why. */
export class PictureError extends Error {}

/** Upload a photo, and return its URL. */
export async function upload(photo: Uint8Array<ArrayBuffer>, filename: string): Promise<string> {
  const body = new FormData();
  body.set("file", new Blob([photo]), filename);
  return (await call("/v1/uploads/images", { method: "POST", body })).url;
}

/** Return the URL of the photo, redrawn as the prompt says. */
export async function redraw(photo: Uint8Array<ArrayBuffer>, prompt: string): Promise<string> {
  const imageUrls = [await upload(photo, "photo.png")];
  const body = JSON.stringify({ model: "gpt-image-2", prompt, image_urls: imageUrls });
  const headers = { "Content-Type": "application/json" };
  const created = await call("/v1/images/generations", { method: "POST", headers, body });
  return finished(created.data[0].task_id);
}

/** Poll a task until it ends, and return the URL of its first picture. */
async function finished(taskId: string): Promise<string> {
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  while (Date.now() < deadline) {
    const { data: task } = await call(`/v1/tasks/${taskId}`);
    if (task.status === "completed") return task.result.images[0].url[0];
    if (task.status === "failed") throw new PictureError(task.error.message);
    await pause(PAUSE_MILLISECONDS);
  }
  throw new PictureError(`${taskId} takes too long`);
}

/** Call the API; rate limits, errors of the server and broken connections are tried again. */
async function call(path: string, init: RequestInit = {}): Promise<any> {
  const base = process.env["APIMART_BASE_URL"] ?? "https://api.apimart.ai";
  const headers = { ...init.headers, Authorization: `Bearer ${process.env["APIMART_API_KEY"]}` };
  let reason = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await pause(attempt * PAUSE_MILLISECONDS);
    try {
      const answer = await fetch(base + path, { ...init, headers });
      const text = await answer.text();
      if (answer.ok) return JSON.parse(text);
      reason = messageOf(text) ?? `APIMart answered ${answer.status}`;
      if (answer.status !== 429 && answer.status < 500) break;
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  throw new PictureError(reason);
}

function messageOf(text: string): string | undefined {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return undefined;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
