/** Why there was no connection: the runtime's WebSocket says only that there was none, so the system is asked again. */
import { codeOf, wordsOf } from "../logging/words-of.ts";

/** A name server that does not answer would take longer than the next attempt. */
const ASK_MS = 2_000;

/** Words that go on after "no connection to HOST: ". Never rejects. */
export function whyNoConnection(host: string, port: number): Promise<string> {
  // Not imported: a start does without it.
  const { connect } = process.getBuiltinModule("node:net");
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (why: string) => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(ASK_MS, () => answer("neither its name server nor the host itself answers in time"));
    socket.once("connect", () => answer("it was out of reach, and can be reached again"));
    socket.once("error", (error) => answer(wordsFor(error)));
  });
}

const NO_WAY: readonly (string | null)[] = ["EHOSTUNREACH", "ENETUNREACH"];

/** Of a name with several addresses it has an error for each of them, and no words of its own. */
export function wordsFor(error: Error): string {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const words = errors.map(wordsOf).join(", ");
  // Of a host without IPv6 nothing else is to be expected at a name's IPv6 address: what counts is how the other failed.
  const telling = errors.find((one) => !NO_WAY.includes(codeOf(one))) ?? errors[0];
  switch (codeOf(telling)) {
    case "ENOTFOUND":
      return `its name is not known (${words})`;
    case "EAI_AGAIN":
      return `its name cannot be looked up for now (${words})`;
    case "ECONNREFUSED":
      return `nothing listens there (${words})`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `no way leads there (${words})`;
    default:
      return words;
  }
}
