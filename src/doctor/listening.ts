/** Whether an address of this host could be listened on: it is, for a moment. */
import type { ListenAddress } from "../config/settings.ts";
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { serveHttp } from "../runtime/http-server.ts";

export interface ListeningTrouble {
  readonly why: string;
  readonly hint: string;
}

/** Null: it could. `remedy`: how to have another address. */
export async function tryListening(address: ListenAddress, remedy: string): Promise<ListeningTrouble | null> {
  try {
    const server = serveHttp({ ...address, answer: () => new Response("", { status: 503 }) });
    await server.stop();
    return null;
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") return { why: wordsOf(error), hint: remedy };
    return {
      why: "somebody listens there already, perhaps a worker that runs",
      hint: `if that is another program, ${remedy}`,
    };
  }
}
