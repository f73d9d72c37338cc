/** How the workers themselves ended. */
import type { Happening } from "../history.ts";
import type { At, Hearing, Violation } from "./conversation.ts";

type Exit = At<Extract<Happening, { kind: "exited" }>>;

/**
 * A worker ends when it is told to, and as it was told; or by a key that was refused before it had any connection.
 * `mayEnd`: for another reason that the documentation has.
 */
export function checkExits(
  { events, signals }: Hearing,
  mayEnd: (exit: Exit) => boolean = () => false,
): Violation[] {
  return events.flatMap((event) => {
    if (event.kind !== "exited") return [];
    const { worker, status } = event;
    const connected = events.some((other) => other.kind === "opened" && other.worker === worker);
    const was = (signal: string) => signals(signal, worker).length > 0;
    if (status === 0 && (was("SIGTERM") || was("SIGQUIT"))) return [];
    if (status === 137 && was("SIGKILL")) return [];
    // Told to end before the program had begun to listen.
    if (status === 143 && was("SIGTERM") && !connected) return [];
    if (status === 131 && was("SIGQUIT") && !connected) return [];
    const refused = events.some(
      (other) => other.kind === "refused" && other.worker === worker && other.status === 401,
    );
    if (status === 77 && refused && !connected) return [];
    if (mayEnd(event)) return [];
    return [{ rule: "exit", taskId: null, what: `worker ${worker} ended with status ${status}` }];
  });
}
