/** What a client sends in these tests. */

/** A PNG of one pixel. */
export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);

export interface Reached {
  baseUrl: string;
  apiKey: string;
}

/** Send a request with the key of a world. */
export async function send(
  world: Reached,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = { Authorization: `Bearer ${world.apiKey}`, ...init.headers };
  return fetch(new URL(path, world.baseUrl), { ...init, headers });
}

export async function upload(
  world: Reached,
  filename = "photo.png",
  content: Uint8Array = PNG,
): Promise<Response> {
  const body = new FormData();
  body.set("file", new Blob([content as Uint8Array<ArrayBuffer>]), filename);
  return send(world, "/v1/uploads/images", { method: "POST", body });
}

export async function generate(world: Reached, fields: object = {}): Promise<Response> {
  const body = JSON.stringify({ model: "gpt-image-2", prompt: "a cat", ...fields });
  const headers = { "Content-Type": "application/json" };
  return send(world, "/v1/images/generations", { method: "POST", headers, body });
}
