/** Health over HTTP: for probes, for load balancers, for whoever wants to know what a worker does. */
import { addressText, HEALTH_ADDRESS_HINT } from "../config/address.ts";
import type { ListenAddress } from "../config/settings.ts";
import type { Logger } from "../logging/logger.ts";
import type { Redact } from "../logging/redact.ts";
import { wordsOf } from "../logging/words-of.ts";
import { serveHttp } from "../runtime/http-server.ts";
import { pathOf } from "../runtime/request-path.ts";
import { type HealthSources, isAlive, statusOf, whyNotReady } from "./status.ts";

export interface HealthOptions {
  readonly address: ListenAddress;
  readonly sources: HealthSources;
  readonly redact: Redact;
  readonly log: Logger;
}

const PATHS = "/healthz, /readyz and /statusz";

/** Never throws: an address that is taken costs a warning, for a worker without health still works. */
export function serveHealth({ address, sources, redact, log }: HealthOptions): AsyncDisposable {
  const startedAt = Date.now();
  const answer = ({ url, method }: Request): Response => {
    if (method !== "GET" && method !== "HEAD") {
      return new Response("This can only be read\n", { status: 405, headers: { Allow: "GET, HEAD" } });
    }
    switch (pathOf(url)) {
      case "/healthz":
        return isAlive(sources) ? plain("ok") : plain("the event loop is stuck or the link has ended", 503);
      case "/readyz": {
        const why = whyNotReady(sources);
        return why === null ? plain("ok") : plain(why, 503);
      }
      case "/statusz":
        return json(statusOf(sources, startedAt), redact);
      default:
        return plain(`There are ${PATHS} here`, 404);
    }
  };
  try {
    const server = serveHttp({ ...address, answer });
    log.info("health is told", { address: `http://${addressText({ ...address, port: server.port })}` });
    return { [Symbol.asyncDispose]: () => server.stop() };
  } catch (error) {
    log.warn("health cannot be told; the worker goes on without", {
      address: addressText(address),
      why: wordsOf(error),
      hint: HEALTH_ADDRESS_HINT,
    });
    return { async [Symbol.asyncDispose]() {} };
  }
}

function plain(text: string, status = 200): Response {
  return new Response(`${text}\n`, { status, headers: NOT_KEPT });
}

/** Redacted value by value: as text, a secret with quotes would look different. */
function json(value: unknown, redact: Redact): Response {
  const text = JSON.stringify(value, (name, each) =>
    typeof each === "string" && !IDENTITIES.has(name) ? redact(each) : each,
  );
  return new Response(`${text}\n`, { headers: { ...NOT_KEPT, "Content-Type": "application/json" } });
}

/** By these a task and a worker are found; a variable that equals one does not hide it. */
const IDENTITIES: ReadonlySet<string> = new Set([
  "taskId",
  "executionId",
  "workerId",
  "backend",
  "phase",
  "state",
]);

const NOT_KEPT = { "Cache-Control": "no-store" } as const;
