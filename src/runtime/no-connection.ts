/**
 * Why there was no connection: the runtime's WebSocket says only that there was none, or nothing at all when packets
 * vanish, so the system is asked again.
 */
import { within } from "../async/wait.ts";
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { addressOf } from "./proxy.ts";
import { lookUp, whyNoRoute } from "./route.ts";

/** A name server or a host that does not answer would take longer than the next attempt. */
const ASK_MS = 2_000;

/** Where a connection was to lead. */
interface Way {
  readonly url: string;
  readonly proxy: string | null;
}

/** After one that could not be made. Never rejects. */
export async function whyNotConnected(way: Way): Promise<string> {
  const { whom, host, port } = firstStop(way);
  const why = (await whyNoConnection(host, port)) ?? "it was out of reach, and can be reached again";
  return `no connection to ${whom}: ${why}`;
}

/** After a handshake of so many ms without an answer: perhaps nobody was ever asked. Never rejects. */
export async function whyUnanswered(way: Way, waitedMs: number): Promise<string> {
  const { whom, host, port } = firstStop(way);
  const why = await whyNoConnection(host, port);
  const waited = `${waitedMs / 1_000} s`;
  return why === null
    ? `no answer to the handshake in ${waited}`
    : `no connection to ${whom} in ${waited}: ${why}`;
}

/** Of a proxy's URL the host alone: it may hold a password. */
function firstStop({ url, proxy }: Way): { whom: string; host: string; port: number } {
  const target = new URL(proxy ?? url);
  return { whom: proxy === null ? target.host : `the proxy ${target.host}`, ...addressOf(target) };
}

/** Words that go on after "no connection to HOST: "; null: there can be one. Never rejects. */
async function whyNoConnection(host: string, port: number): Promise<string | null> {
  try {
    const addresses = await within(lookUp(host), ASK_MS, null);
    if (addresses === null) return "its name server does not answer in time";
    const failures = await Promise.all(addresses.map((address) => whyNot(address, port)));
    return failures.includes(null) ? null : wordsFor(failures.filter((failure) => failure !== null));
  } catch (error) {
    return wordsFor([error]);
  }
}

/** In place of an error by which the runtime says ECONNREFUSED: the system's, when no way leads to any of its addresses. */
export async function orNoRoute(error: unknown, host: string, port: number): Promise<unknown> {
  if (codeOf(error) !== "ECONNREFUSED") return error;
  const addresses = await within(lookUp(host), ASK_MS, []).catch(() => []);
  const failures = await Promise.all(addresses.map((address) => noRoute(address, port)));
  return failures.includes(null) ? error : (failures[0] ?? error);
}

async function noRoute(address: string, port: number): Promise<Error | null> {
  const code = await whyNoRoute(address);
  return code !== null && NO_WAY.includes(code) ? failure(code, `${address}:${port}`) : null;
}

/** Null: it takes connections. */
async function whyNot(address: string, port: number): Promise<unknown> {
  const barred = await noRoute(address, port);
  if (barred !== null) return barred;
  const where = `${address}:${port}`;
  // Not imported: a start does without it.
  const { connect } = process.getBuiltinModule("node:net");
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const answer = (error: unknown) => {
      socket.destroy();
      resolve(error);
    };
    socket.setTimeout(ASK_MS, () => answer(failure("ETIMEDOUT", where)));
    socket.once("connect", () => answer(null));
    socket.once("error", answer);
  });
}

/** As the system's errors are told everywhere. */
function failure(code: string, where: string): Error {
  return Object.assign(new Error(`connect ${code} ${where}`), { code });
}

const NO_WAY: readonly (string | null)[] = [
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  // This host has no address of that family to come from.
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
];

/** `errors`: one of each address that a name has. */
export function wordsFor(errors: readonly unknown[]): string {
  const words = errors.map(wordsOf).join(", ");
  // Of a host without IPv6 nothing else is to be expected at a name's IPv6 address: what counts is how the other failed.
  const telling = errors.find((one) => !NO_WAY.includes(codeOf(one))) ?? errors[0];
  switch (codeOf(telling)) {
    case "ENOTFOUND":
      return `its name is not known (${words})`;
    case "EAI_AGAIN":
      return `its name cannot be looked up for now (${words})`;
    case "ECONNREFUSED":
      return `nothing listens there, or something on the way refuses it (${words})`;
    case "ETIMEDOUT":
      return `no answer comes from there, as when a firewall lets nothing through (${words})`;
    default:
      return NO_WAY.includes(codeOf(telling)) ? `no way leads there (${words})` : words;
  }
}
