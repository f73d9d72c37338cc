import { describe, expect, test } from "bun:test";
import { Secrets } from "../../../src/logging/secrets.ts";
import { TaskFailure } from "../../../src/task/backend.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { SchedulerRig } from "./scheduler-rig.ts";

const SECRET = "value-of-a-token";

describe("the values of a task's environment", () => {
  test("are hidden while it runs, and forgotten when it has ended", async () => {
    const secrets = new Secrets();
    using rig = new SchedulerRig({ secrets });
    rig.scheduler.offer(sampleAssignment({ envVars: { TOKEN: SECRET, SHORT: "1", OF_ITSELF: "t-1" } }));
    const task = await rig.started(1);
    expect(secrets.redact(`${SECRET} 1 t-1`)).toBe("*** 1 t-1");
    task.context.hide?.(["made-by-setup"]);
    expect(secrets.redact("made-by-setup")).toBe("***");
    task.end();
    await rig.ended(1);
    expect(secrets.size).toBe(0);
  });

  // A workspace is removed after the report, and why it cannot be may name a place in it.
  test("are hidden until what goes on after its end is over", async () => {
    const secrets = new Secrets();
    using rig = new SchedulerRig({ secrets });
    rig.scheduler.offer(sampleAssignment({ envVars: { TOKEN: SECRET } }));
    const task = await rig.started(1);
    const removal = Promise.withResolvers<void>();
    task.context.linger?.(removal.promise);
    task.end();
    await rig.ended(1);
    expect(secrets.redact(SECRET)).toBe("***");
    removal.resolve();
    await removal.promise;
    await Promise.resolve();
    expect(secrets.size).toBe(0);
  });

  test("are not hidden for a task that was turned down", () => {
    const secrets = new Secrets();
    using rig = new SchedulerRig({ secrets });
    rig.scheduler.admission.close();
    rig.scheduler.offer(sampleAssignment({ envVars: { TOKEN: SECRET } }));
    expect(secrets.size).toBe(0);
  });

  test("do not stand in what is reported of its failure", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment({ envVars: { TOKEN: SECRET } }));
    (await rig.started(1)).fail(new TaskFailure("setup_command", `curl: ${SECRET} was refused`));
    await rig.ended(1);
    expect(rig.sent.at(-1)).toContain("Failed to execute task: curl: *** was refused");
    const [line] = rig.log.lines.filter(({ message }) => message === "task failed");
    expect(JSON.stringify(line)).not.toContain(SECRET);
  });

  test("cannot change what the control plane is told by its own words", async () => {
    using rig = new SchedulerRig();
    const words = ["Failed to execute task", "setup_command", "task_failed"];
    rig.scheduler.offer(
      sampleAssignment({ envVars: { A: words[0] ?? "", B: words[1] ?? "", C: words[2] ?? "" } }),
    );
    (await rig.started(1)).fail(new TaskFailure("setup_command", "it said no"));
    await rig.ended(1);
    for (const word of words) expect(rig.sent.at(-1)).toContain(word);
  });
});
