/** What the worker's own environment holds that no output may show, used or not. */
import type { HostEnvironment } from "./host-environment.ts";

const KEY_VARIABLES = ["WARP_API_KEY"] as const;
const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] as const;
/** `OTEL_EXPORTER_OTLP_HEADERS` and those of one signal: `name=value,name=value`, values often tokens. */
const OTLP = "OTEL_EXPORTER_OTLP_";
const HEADERS = /^(?:[A-Z]+_)?HEADERS$/;
const ENDPOINT = /^(?:[A-Z]+_)?ENDPOINT$/;

/** Keys, passwords of proxies, and what OTLP's headers and addresses hold; short and repeated ones among them. */
export function hostSecrets(env: HostEnvironment): readonly string[] {
  const found: string[] = KEY_VARIABLES.flatMap((name) => env[name] ?? []);
  for (const name of PROXY_VARIABLES) {
    for (const spelling of [name, name.toLowerCase()]) found.push(...passwordOf(env[spelling]));
  }
  for (const [name, value] of Object.entries(env)) {
    // Most have none, and a start that compiles no expression is a quicker one.
    if (!name.startsWith(OTLP)) continue;
    const setting = name.slice(OTLP.length);
    if (HEADERS.test(setting)) found.push(...headerValues(value ?? ""));
    if (ENDPOINT.test(setting)) found.push(...passwordOf(value), ...queryValues(value));
  }
  return found;
}

/** As written and as it is sent. */
function passwordOf(url: string | undefined): readonly string[] {
  if (!url) return [];
  const absolute = url.includes("://") ? url : `http://${url}`;
  const password = URL.canParse(absolute) ? new URL(absolute).password : "";
  return password === "" ? [] : [password, decoded(password)];
}

/** Some collectors take their token there, and the runtime's own errors quote the whole address. */
function queryValues(url = ""): readonly string[] {
  const [, query = ""] = /\?([^#]*)/.exec(url) ?? [];
  return query.split("&").flatMap((pair) => {
    const value = pair.slice(pair.indexOf("=") + 1);
    return [value, decoded(value)];
  });
}

function headerValues(list: string): readonly string[] {
  return list.split(",").flatMap((pair) => {
    const value = pair.slice(pair.indexOf("=") + 1).trim();
    // `Authorization=Bearer%20TOKEN`: the token alone is what must not be seen.
    const words = decoded(value).split(/\s+/);
    return [value, decoded(value), words.at(-1) ?? ""];
  });
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
