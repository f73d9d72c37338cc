import { describe, expect, test } from "bun:test";
import { refusalOf } from "../../../../src/backends/direct/refusal.ts";
import { SpawnRefused } from "../../../../src/process/shim/refused.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const refused = (code: string) => new SpawnRefused(code, `${code}: the system's words`);

describe("an agent that the system would not start", () => {
  test("for want of the task's folder is blamed on the folder, although the system names the agent", async () => {
    await using dir = await TempDir.create("refusal");
    const oz = await dir.write("oz", "#!/bin/sh\n", 0o755);
    expect(refusalOf(oz, dir.join("gone"), refused("ENOENT"))).toMatchObject({
      reason: "workspace_setup",
      message: `the folder ${dir.join("gone")} is gone`,
    });
  });

  test.each([
    ["ENOENT", null, "it was there when the worker started"],
    ["ENOENT", "#!/no/such/shell -e\n", "the program that runs it is missing: /no/such/shell"],
    ["ENOENT", "\u007fELF", "the program that runs it is missing"],
    ["EACCES", "#!/bin/sh\n", "it is not an executable file"],
    ["ENOEXEC", "echo hello\n", "a script that begins with #!"],
    ["E2BIG", "#!/bin/sh\n", "more than the system takes"],
    ["EAGAIN", "#!/bin/sh\n", "a limit of processes is reached"],
    ["EMFILE", "#!/bin/sh\n", "a limit of open files is reached"],
    ["ENOMEM", "#!/bin/sh\n", "there is not enough memory"],
    ["ETXTBSY", "#!/bin/sh\n", "ETXTBSY: the system's words"],
  ])("with %s, its file being %j, is told: %s", async (code, content, words) => {
    await using dir = await TempDir.create("refusal");
    const oz = content === null ? dir.join("oz") : await dir.write("oz", content, 0o644);
    const failure = refusalOf(oz, dir.path, refused(code));
    expect(failure.reason).toBe("agent_invocation");
    expect(failure.message).toStartWith(`cannot start ${oz}: ${code}: the system's words`);
    expect(failure.message).toContain(words);
  });
});
