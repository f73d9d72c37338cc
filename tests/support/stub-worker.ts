/**
 * A worker in a few lines, for tests of `dev` itself, which need one that fails, lingers or leaves as
 * told. Started as `bun stub-worker.ts MODE --web-socket-url URL`.
 */
import { readFileSync } from "node:fs";

const mode = process.argv[2] ?? "";
const keyFile = process.argv.indexOf("--api-key-file") + 1;
const key =
  keyFile === 0 ? process.env["WARP_API_KEY"] : readFileSync(process.argv[keyFile] ?? "", "utf8").trim();
const url = process.argv[process.argv.indexOf("--web-socket-url") + 1] ?? "";

if (mode === "leave") process.exit(2);

const socket = new WebSocket(`${url}?worker_id=stub`, {
  headers: { Authorization: `Bearer ${key}` },
});
const say = (type: string, data: unknown) => socket.send(JSON.stringify({ type, data }));

socket.addEventListener("close", () => process.exit(77));
socket.addEventListener("message", (event) => {
  const { type, data } = JSON.parse(String(event.data));
  if (type !== "task_assignment") return;
  say("task_claimed", { task_id: data.task_id, worker_id: "stub" });
  const prompt: string = data.task.task_definition.prompt;
  if (prompt === "hang") return;
  if (prompt === "fail")
    say("task_failed", { task_id: data.task_id, message: "as told", failure_reason: "unknown" });
  else say("task_completed", { task_id: data.task_id, message: "Task completed successfully" });
});

let signals = 0;
const onSignal = () => {
  signals++;
  // A second signal would mean "at once" to a real daemon: `dev` must not send one.
  setTimeout(() => process.exit(signals === 1 ? 0 : 9), 20);
};
process.on("SIGTERM", onSignal);
process.on("SIGINT", onSignal);
