/**
 * The floor of every figure: a worker that does the main job and nothing else. No journal, no proof,
 * no supervision, no configuration; what the real one costs above it is the price of those.
 */
const [url = "", agent = ""] = process.argv.slice(2);
const socket = new WebSocket(url);

process.on("SIGTERM", () => process.exit(0));
socket.addEventListener("message", async ({ data }) => {
  const message = JSON.parse(String(data));
  if (message.type !== "task_assignment") return;
  const { task_id } = message.data;
  const say = (type: string, more: object) =>
    socket.send(JSON.stringify({ type, data: { task_id, ...more } }));
  say("task_claimed", { worker_id: "floor" });
  const child = Bun.spawn([agent, "agent", "run", "--task-id", task_id], {
    env: { PATH: process.env["PATH"] ?? "", TASK_ID: task_id },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const status = await child.exited;
  if (status === 0) say("task_completed", { message: "Task completed successfully" });
  else say("task_failed", { message: "failed", failure_reason: "agent_invocation", exit_code: status });
});
