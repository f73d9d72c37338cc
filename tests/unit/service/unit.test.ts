import { describe, expect, test } from "bun:test";
import type { BackendKind } from "../../../src/config/settings.ts";
import { renderLaunchdPlist } from "../../../src/service/launchd-plist.ts";
import type { ServicePlan } from "../../../src/service/service-plan.ts";
import { renderSystemdUnit } from "../../../src/service/systemd-unit.ts";
import { TempDir } from "../../support/temp-dir.ts";

const KINDS: readonly BackendKind[] = ["direct", "docker", "kubernetes", "command"];

function plan(more: Partial<ServicePlan> = {}): ServicePlan {
  return {
    program: "/usr/bin/true",
    configFile: "/etc/oz-agent-worker/config.yaml",
    keyFile: "/etc/oz-agent-worker/api-key",
    user: "root",
    backend: "docker",
    stopTimeoutSeconds: 40,
    stateDir: null,
    ownFolders: [],
    hasDockerGroup: true,
    keepAgents: false,
    ...more,
  };
}

function settingOf(unit: string, key: string): string | undefined {
  return unit
    .split("\n")
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);
}

describe("the systemd unit", () => {
  test.each(KINDS)("stops gently and starts again where that is of use: %s", (backend) => {
    const unit = renderSystemdUnit(plan({ backend }));
    expect(settingOf(unit, "KillMode")).toBe("mixed");
    expect(settingOf(unit, "TimeoutStopSec")).toBe("40");
    expect(settingOf(unit, "RestartPreventExitStatus")).toBe("2 77");
    expect(settingOf(unit, "Restart")).toBe("on-failure");
    expect(settingOf(unit, "StateDirectory")).toBe("oz-agent-worker");
    // Nobody else of the host reads what is in it.
    expect(settingOf(unit, "StateDirectoryMode")).toBe("0700");
    expect(settingOf(unit, "UMask")).toBe("0077");
    expect(settingOf(unit, "LoadCredential")).toBe("api-key:/etc/oz-agent-worker/api-key");
    expect(settingOf(unit, "ExecStart")).toMatch(/ --api-key-file \$\{CREDENTIALS_DIRECTORY\}\/api-key$/);
  });

  test.each(["direct", "command"] as const)("forbids %s nothing that agents may need", (backend) => {
    const unit = renderSystemdUnit(plan({ backend }));
    expect(unit).not.toMatch(
      /^(?:NoNewPrivileges|ProtectHome|PrivateTmp|RestrictNamespaces|SystemCallFilter)/m,
    );
    // Each of these implies NoNewPrivileges for a user who is not root.
    expect(unit).not.toMatch(
      /^(?:ProtectKernel|LockPersonality|RestrictRealtime|PrivateDevices|ProtectClock)/m,
    );
  });

  test.each(["docker", "kubernetes"] as const)(
    "shuts in a worker that only talks to its engine: %s",
    (backend) => {
      const unit = renderSystemdUnit(plan({ backend }));
      expect(settingOf(unit, "NoNewPrivileges")).toBe("yes");
      expect(settingOf(unit, "ProtectSystem")).toBe("strict");
      // Its code is compiled while it runs.
      expect(unit).not.toMatch(/^MemoryDenyWriteExecute/m);
    },
  );

  test("lets agents outlive a crash when that is asked for", () => {
    expect(settingOf(renderSystemdUnit(plan({ keepAgents: true })), "KillMode")).toBe("process");
  });

  test("makes the folder of the workspaces, where systemd can", () => {
    const ownFolders = ["/var/lib/oz/workspaces", "/srv/x"];
    const unit = renderSystemdUnit(plan({ backend: "direct", ownFolders }));
    expect(settingOf(unit, "StateDirectory")).toBe("oz-agent-worker oz/workspaces");
    // Of several systemd makes a list in an order of its own.
    expect(settingOf(unit, "Environment")).toBe("STATE_DIRECTORY=/var/lib/oz-agent-worker");
    expect(settingOf(renderSystemdUnit(plan({ backend: "direct" })), "Environment")).toBeUndefined();
  });

  // With a folder that was not there, or a group, systemd started nothing: 226/NAMESPACE, 216/GROUP.
  test("lets systemd make a state folder where it can", () => {
    const stateDir = "/var/lib/oz/state";
    const unit = renderSystemdUnit(plan({ stateDir, ownFolders: [stateDir] }));
    expect(settingOf(unit, "StateDirectory")).toBe("oz-agent-worker oz/state");
    expect(unit).not.toContain("ReadWritePaths");
  });

  test("names Docker's group only on a host that has it", () => {
    expect(settingOf(renderSystemdUnit(plan()), "SupplementaryGroups")).toBe("docker");
    const without = renderSystemdUnit(plan({ hasDockerGroup: false }));
    expect(settingOf(without, "SupplementaryGroups")).toBeUndefined();
    expect(without).toContain("# This host has no group docker");
  });

  test("lets a worker that is shut in write to a state folder of its own choice", () => {
    const unit = renderSystemdUnit(plan({ stateDir: "/srv/state" }));
    expect(settingOf(unit, "ReadWritePaths")).toBe("/srv/state");
    // Only in a command line a dollar begins a variable, and two make one.
    const odd = renderSystemdUnit(plan({ stateDir: "/srv/a$b 100%" }));
    expect(settingOf(odd, "ReadWritePaths")).toBe('"/srv/a$b 100%%"');
  });

  test("keeps odd paths what they are", () => {
    const unit = renderSystemdUnit(
      plan({ program: "/opt/a b/100%/$x", configFile: '/etc/a"b\\c/$y', keyFile: null }),
    );
    // In its arguments two dollars make one, in the program's own path they are two: no variable may stand there.
    expect(settingOf(unit, "ExecStart")).toBe('"/opt/a b/100%%/$x" --config-file "/etc/a\\"b\\\\c/$$y"');
    expect(unit).not.toContain("LoadCredential");
  });
});

const analyze = Bun.which("systemd-analyze");

describe.if(analyze !== null)("systemd itself", () => {
  test.each(KINDS)("has nothing to say against the unit: %s", async (backend) => {
    await using dir = await TempDir.create("unit");
    const file = await dir.write("oz-agent-worker.service", renderSystemdUnit(plan({ backend })));
    const verify = Bun.spawnSync([analyze ?? "", "verify", "--man=no", file]);
    const words = `${verify.stdout}${verify.stderr}`
      .split("\n")
      .filter((line) => line.includes("oz-agent-worker"));
    expect(words).toEqual([]);
    expect(verify.exitCode).toBe(0);
  });

  // It looked for a program with two dollars in its path.
  test.each(["$x", "$" + "{x}", "a $ b", "100%n"])("finds the program in a folder named %s", async (name) => {
    await using dir = await TempDir.create("unit");
    const program = await dir.write(`${name}/oz-agent-worker`, "#!/bin/sh\n", 0o755);
    const file = await dir.write("oz-agent-worker.service", renderSystemdUnit(plan({ program })));
    const verify = Bun.spawnSync([analyze ?? "", "verify", "--man=no", file]);
    expect([verify.stderr.toString(), verify.exitCode]).toEqual(["", 0]);
  });

  test.each([
    ["docker", 3],
    ["kubernetes", 3],
    ["direct", 9.5],
  ] as const)("finds its exposure bearable: %s at most %p of 10", async (backend, most) => {
    await using dir = await TempDir.create("unit");
    const file = await dir.write(
      "oz-agent-worker.service",
      renderSystemdUnit(plan({ backend, user: "nobody" })),
    );
    const security = Bun.spawnSync([analyze ?? "", "security", "--offline=yes", "--no-pager", file]);
    const [, level = "no level"] =
      /Overall exposure level.*: (\d+\.\d+)/.exec(security.stdout.toString()) ?? [];
    expect(Number(level)).toBeLessThanOrEqual(most);
  });
});

test("the launchd job is a property list with the same program, and is given the time to stop", () => {
  const plist = renderLaunchdPlist(plan({ program: "/opt/a & b/<worker>" }));
  expect(plist).toContain("<string>/opt/a &amp; b/&lt;worker&gt;</string>");
  expect(plist).toContain(
    "<string>--api-key-file</string>\n    <string>/etc/oz-agent-worker/api-key</string>",
  );
  expect(plist).toMatch(/<key>ExitTimeOut<\/key>\s*<integer>40<\/integer>/);
  // After a stop that was asked for, launchd would otherwise start it again for ever.
  expect(plist).toMatch(/<key>KeepAlive<\/key>\s*<dict>\s*<key>SuccessfulExit<\/key>\s*<false\/>\s*<\/dict>/);
  const opened = plist.match(/<(?!\/|\?|!)[a-z]+(?!\/)>/g)?.length;
  expect(plist.match(/<\/[a-z]+>/g)?.length).toBe((opened ?? 0) + 1);
});
