/** One connection to the control plane: a handshake, one ping, a clean close. Whatever arrives is not answered. */
import { firing, within } from "../async/wait.ts";
import { whyUnanswered } from "../runtime/no-connection.ts";
import { openSocket, type SocketOptions } from "../runtime/web-socket.ts";

export interface TrialLimits {
  readonly handshakeMs: number;
  readonly pongMs: number;
  readonly closeMs: number;
}

/** Somebody waits before a terminal. */
const LIMITS: TrialLimits = { handshakeMs: 12_000, pongMs: 5_000, closeMs: 2_000 };

export type LinkTrial =
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "unreachable"; readonly why: string }
  | { readonly kind: "open"; readonly tookMs: number; readonly pong: Pong };

export type Pong =
  | { readonly kind: "came"; readonly afterMs: number }
  | { readonly kind: "none"; readonly waitedMs: number }
  /** The other side ended the connection first. */
  | { readonly kind: "ended"; readonly why: string };

/** Throws for what is no URL, no header or no proxy, and the reason of `signal`. */
export async function tryLink(
  options: SocketOptions,
  signal: AbortSignal,
  { handshakeMs, pongMs, closeMs }: TrialLimits = LIMITS,
): Promise<LinkTrial> {
  signal.throwIfAborted();
  const opened = Promise.withResolvers<void>();
  const ponged = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<{ readonly why: string; readonly status: number | null }>();
  using stop = firing(signal);
  const stopped = stop.fired.then((): never => {
    throw signal.reason;
  });
  const payload = crypto.randomUUID();
  const beganAt = performance.now();
  const socket = openSocket(options, {
    onOpen: opened.resolve,
    onText: () => {},
    // By the whole payload, as the worker does: another's pong proves nothing.
    onPong: (answered) => {
      if (answered === payload) ponged.resolve();
    },
    onFrame: () => {},
    onEnd: ended.resolve,
  });
  try {
    const open = opened.promise.then(() => "open" as const);
    const first = await within(Promise.race([open, ended.promise, stopped]), handshakeMs, null);
    if (first === null) {
      const why = await Promise.race([whyUnanswered(options, handshakeMs), stopped]);
      return { kind: "unreachable", why };
    }
    if (first !== "open") return notOpen(first);
    const pingedAt = performance.now();
    socket.ping(payload);
    const came = ponged.promise.then((): Pong => ({ kind: "came", afterMs: since(pingedAt) }));
    const end = ended.promise.then(({ why }): Pong => ({ kind: "ended", why }));
    const none: Pong = { kind: "none", waitedMs: pongMs };
    const pong = await within(Promise.race([came, end, stopped]), pongMs, none);
    socket.close();
    await within(Promise.race([ended.promise, stopped]), closeMs, null);
    return { kind: "open", tookMs: pingedAt - beganAt, pong };
  } finally {
    socket.drop();
  }
}

function notOpen({ why, status }: { readonly why: string; readonly status: number | null }): LinkTrial {
  return status === null ? { kind: "unreachable", why } : { kind: "refused", status };
}

function since(startedAt: number): number {
  return performance.now() - startedAt;
}
