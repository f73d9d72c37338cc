/** Whether the control plane takes the worker's key, and answers the pings that a worker's proof of delivery needs. */
import { BUILD } from "../build-info.ts";
import type { Settings } from "../config/settings.ts";
import { dialHint } from "../control-plane/dial-hint.ts";
import {
  CONNECTION_REFUSED,
  isUnauthorized,
  KEY_REFUSED,
  KEY_REFUSED_HINT,
  NO_CONNECTION,
  prepareHandshake,
} from "../control-plane/handshake.ts";
import { publicUrl } from "../logging/public-url.ts";
import { wordsOf } from "../logging/words-of.ts";
import type { ProxyVariables } from "../runtime/proxy.ts";
import { type Finding, splitAdvice } from "./finding.ts";
import { type LinkTrial, type Pong, type TrialLimits, tryLink } from "./link-trial.ts";
import { throughProxy } from "./through-proxy.ts";

/**
 * Tasks are routed by the worker id, to any of the connections that have it. Under that of the configuration one could
 * come here, where nobody runs it, and a worker beside this one would share its tasks with nobody.
 */
const OWN_ID_ENDING = "@doctor";

const WHAT_TO_CHECK =
  "check the network and its firewalls, HTTPS_PROXY and NO_PROXY, and for a certificate ca_file";
const WHOM_TO_ASK = "ask whoever runs the control plane, or the proxy on the way";

export interface ControlPlaneInput {
  readonly settings: Pick<Settings, "webSocketUrl" | "workerId" | "key">;
  readonly proxyVariables: ProxyVariables;
  /** PEM text; null: none. */
  readonly privateCa: string | null;
  readonly stop: AbortSignal;
  readonly limits?: TrialLimits;
}

/** Rejects with the reason of `stop` alone. */
export async function checkControlPlane(input: ControlPlaneInput): Promise<readonly Finding[]> {
  const { settings, proxyVariables, privateCa, stop, limits } = input;
  const workerId = `${settings.workerId}${OWN_ID_ENDING}`;
  try {
    const options = await prepareHandshake({
      webSocketUrl: settings.webSocketUrl,
      workerId,
      userAgent: `oz-agent-worker/${BUILD.version}`,
      readKey: () => settings.key.read(),
      proxyVariables,
      privateCa,
    });
    const place = { url: publicUrl(settings.webSocketUrl), way: throughProxy(options.proxy) };
    const trial = await tryLink(options, stop, limits);
    return findings(trial, { ...place, workerId, keyLabel: settings.key.label });
  } catch (error) {
    stop.throwIfAborted();
    return [{ name: "control-plane", status: "fail", ...splitAdvice(wordsOf(error)) }, NOT_ASKED];
  }
}

interface Tried {
  readonly url: string;
  /** With or without a proxy, in words. */
  readonly way: string;
  readonly workerId: string;
  readonly keyLabel: string;
}

const NOT_ASKED: Finding = { name: "delivery", status: "skip", detail: "there is no connection to ask over" };

function findings(trial: LinkTrial, { url, way, workerId, keyLabel }: Tried): readonly Finding[] {
  const name = "control-plane";
  switch (trial.kind) {
    case "open": {
      const detail = `connected to ${url} as ${workerId} in ${msText(trial.tookMs)}, ${way}`;
      return [{ name, status: "ok", detail }, deliveryOf(trial.pong)];
    }
    case "refused": {
      const { status } = trial;
      const answer = `HTTP ${status} from ${url}, ${way}`;
      const refused = isUnauthorized(status)
        ? { detail: `${KEY_REFUSED}, ${keyLabel}: ${answer}`, hint: KEY_REFUSED_HINT }
        : {
            detail: `${CONNECTION_REFUSED}: ${answer}`,
            hint: `try again later; if it stays, ${WHOM_TO_ASK}`,
          };
      return [{ name, status: "fail", ...refused }, NOT_ASKED];
    }
    case "unreachable": {
      const detail = `${NO_CONNECTION} at ${url}, ${way}: ${trial.why}`;
      const hint = dialHint(trial.why, new Date()) ?? WHAT_TO_CHECK;
      return [{ name, status: "fail", detail, hint }, NOT_ASKED];
    }
    default:
      return trial satisfies never;
  }
}

function deliveryOf(pong: Pong): Finding {
  const name = "delivery";
  switch (pong.kind) {
    case "came":
      return { name, status: "ok", detail: `a ping was answered in ${msText(pong.afterMs)}` };
    case "none":
      return {
        name,
        status: "warn",
        detail: `no answer to a ping within ${pong.waitedMs / 1_000} s: no report would be proven to have been read, each would be sent again and again, and the worker would reconnect every minute`,
        hint: "look for a proxy or a balancer on the way that does not pass on the pings and pongs of a WebSocket",
      };
    case "ended":
      return {
        name,
        status: "fail",
        detail: `the connection was ended before a ping was answered: ${pong.why}`,
        hint: WHOM_TO_ASK,
      };
    default:
      return pong satisfies never;
  }
}

/** Upwards: nothing takes no time. */
function msText(ms: number): string {
  return `${Math.ceil(ms)} ms`;
}
