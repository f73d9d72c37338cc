/**
 * The floor of every figure: a bare worker with no dependency. It does the main job, flags, key,
 * workspace, claim, run, cancel and report, and nothing else: no configuration, no journal, no proof of
 * delivery, no supervision. What the real one costs above it is the price of those.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    "web-socket-url": { type: "string", default: "" },
    "workspace-root": { type: "string", default: "" },
    "oz-path": { type: "string", default: "" },
  },
});
const socket = new WebSocket(flags["web-socket-url"], {
  headers: { authorization: `Bearer ${process.env["WARP_API_KEY"]}` },
});
const running = new Map<string, Bun.Subprocess>();

process.on("SIGTERM", () => process.exit(0));
socket.addEventListener("message", ({ data }) => {
  const message = JSON.parse(String(data));
  if (message.type === "task_assignment") run(message.data.task_id);
  if (message.type === "task_cancellation") cancel(message.data.task_id);
});

async function run(id: string): Promise<void> {
  say("task_claimed", { task_id: id, worker_id: "floor" });
  const workspace = join(flags["workspace-root"], id);
  mkdirSync(workspace, { recursive: true });
  const child = Bun.spawn([flags["oz-path"], "agent", "run", "--task-id", id], {
    cwd: workspace,
    env: { PATH: process.env["PATH"] ?? "", TASK_ID: id },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  running.set(id, child);
  const status = await child.exited;
  running.delete(id);
  rmSync(workspace, { recursive: true, force: true });
  if (status === 0) say("task_completed", { task_id: id, message: "Task completed successfully" });
  else
    say("task_failed", {
      task_id: id,
      message: "failed",
      failure_reason: "agent_invocation",
      exit_code: status,
    });
}

function cancel(id: string): void {
  const child = running.get(id);
  if (child !== undefined) process.kill(-child.pid, "SIGTERM");
}

function say(type: string, data: object): void {
  socket.send(JSON.stringify({ type, data }));
}
