/** The environment variables by which programs find a world. */

/** What `NO_PROXY` says where no host has a proxy; it means that alone, and not in a list. */
const EVERY_HOST = "*";

export interface Environment extends Record<string, string> {
  APIMART_BASE_URL: string;
  APIMART_API_KEY: string;
  NO_PROXY: string;
  no_proxy: string;
}

/** Return where APIMart is and with which key, and that no proxy comes between. */
export function environmentOf(baseUrl: string, apiKey: string): Environment {
  const hosts = process.env["no_proxy"] || process.env["NO_PROXY"] || "";
  const withoutProxy = withHost(hosts, new URL(baseUrl).hostname);
  return {
    APIMART_BASE_URL: baseUrl,
    APIMART_API_KEY: apiKey,
    // Programs read the one or the other.
    NO_PROXY: withoutProxy,
    no_proxy: withoutProxy,
  };
}

function withHost(hosts: string, own: string): string {
  const listed = hosts
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
  if (listed.includes(EVERY_HOST)) return EVERY_HOST;
  return (listed.includes(own) ? listed : [...listed, own]).join(",");
}

/** Variables of this process that a test has set, and what they were before. */
export class SetVariables {
  readonly #before = new Map<string, string | undefined>();

  set(variables: Record<string, string>): void {
    for (const [name, value] of Object.entries(variables)) {
      if (!this.#before.has(name)) this.#before.set(name, process.env[name]);
      process.env[name] = value;
    }
  }

  restore(): void {
    for (const [name, value] of this.#before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    this.#before.clear();
  }
}
