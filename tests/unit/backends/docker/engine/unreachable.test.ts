import { describe, expect, test } from "bun:test";
import { sshCommand, sshTrial } from "../../../../../src/backends/docker/engine/dialer.ts";
import type { ChosenEndpoint } from "../../../../../src/backends/docker/engine/endpoint.ts";
import { EngineError, EngineGone } from "../../../../../src/backends/docker/engine/errors.ts";
import { NotHttp } from "../../../../../src/backends/docker/engine/http-head.ts";
import {
  explain,
  type SocketFacts,
  unreachable,
} from "../../../../../src/backends/docker/engine/unreachable.ts";

const SOCKET: ChosenEndpoint = {
  endpoint: { kind: "unix", path: "/var/run/docker.sock" },
  label: "unix:///var/run/docker.sock",
  why: "the default",
  loadTls: () => null,
};
const FACTS: SocketFacts = { isSocket: true, group: "docker", groupMay: true, user: "ann" };
const gone = (code: string) => new EngineGone("x", { code, cause: new Error("Failed to connect") });

describe("an engine that cannot be reached is told", () => {
  const cases: readonly (readonly [string, unknown, SocketFacts | null, RegExp])[] = [
    ["no socket", gone("ENOENT"), null, /no such socket; start the engine \(systemctl start docker\)/],
    ["nobody listens", gone("ECONNREFUSED"), FACTS, /nothing listens on the socket/],
    [
      "one that takes calls and answers none",
      new EngineGone("nothing came within 15 s", { late: true, cause: new Error("Nothing came") }),
      FACTS,
      /takes calls and does not answer them: it may hang; look at its log and restart it/,
    ],
    ["no socket but a file", gone("ECONNREFUSED"), { ...FACTS, isSocket: false }, /is not a socket/],
    ["no permission", gone("EACCES"), FACTS, /user ann .* group docker; .*sudo usermod -aG docker ann/],
    [
      "no permission where Docker found no group of its own, and root's is nobody's to join",
      gone("EACCES"),
      { ...FACTS, group: "root" },
      /sudo groupadd docker\), restart the engine, .*sudo usermod -aG docker ann/,
    ],
    [
      "no permission for a user who is a number, as in the worker's image",
      gone("EACCES"),
      { ...FACTS, group: "998", user: null },
      /this user has no permission: .* group 998; .*\(docker run --group-add 998\)/,
    ],
    [
      "not even the group",
      gone("EACCES"),
      { ...FACTS, groupMay: false },
      /neither has the socket's group docker/,
    ],
    [
      "a closed folder",
      gone("EACCES"),
      { ...FACTS, group: null },
      /no permission to reach \/var\/run\/docker.sock/,
    ],
    [
      "an HTML page",
      new EngineError(502, "It answered with status 502 and x"),
      FACTS,
      /it answered with status 502/,
    ],
    [
      "no HTTP",
      new EngineGone("x", { cause: new NotHttp('not HTTP: "SSH"') }),
      FACTS,
      /is not HTTP: "SSH"; let/,
    ],
  ];
  for (const [name, error, facts, words] of cases) {
    test(`${name}: with the endpoint, why it was chosen, and what to do`, () => {
      const text = explain(SOCKET, error, facts);
      expect(text).toStartWith(
        "Cannot use the container engine at unix:///var/run/docker.sock (the default): ",
      );
      expect(text).toMatch(words);
      expect(text).not.toEndWith(".");
    });
  }

  // It was $USER's, and "unknown" where that was not set: `sudo usermod -aG docker unknown` helps nobody.
  test("no permission names the user that the process has, whoever USER names", () => {
    const before = process.env["USER"];
    process.env["USER"] = "somebody-else";
    try {
      const chosen = { ...SOCKET, endpoint: { kind: "unix", path: "/etc/passwd" } } as const;
      const name = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
      expect(unreachable(chosen, gone("EACCES")).message).toContain(`user ${name} has no permission`);
    } finally {
      if (before === undefined) delete process.env["USER"];
      else process.env["USER"] = before;
    }
  });

  test("no permission is never answered with a group that cannot be joined", () => {
    const text = explain(SOCKET, gone("EACCES"), { ...FACTS, groupMay: false });
    expect(text).not.toContain("usermod");
  });
});

describe("the command of ssh", () => {
  // Once 30 s: a name whose first address led nowhere never got to its second before the engine was given up after 15 s.
  const start = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];
  const end = ["docker", "system", "dial-stdio"];
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["ssh://box", [...start, "--", "box", ...end]],
    ["ssh://me@box:2222", [...start, "-l", "me", "-p", "2222", "--", "box", ...end]],
    ["ssh://[::1]", [...start, "--", "::1", ...end]],
    [
      "ssh://box/run/user/7/docker.sock",
      [...start, "--", "box", "docker", "--host", "unix:///run/user/7/docker.sock", "system", "dial-stdio"],
    ],
  ];
  for (const [target, argv] of cases) {
    test(`for ${target} asks nobody anything`, () => {
      expect(sshCommand(target)).toEqual(argv);
    });
  }

  // Once without the port and the socket: it tried something else.
  test.each([
    ["ssh://box", "ssh box docker version"],
    ["ssh://me@[::1]:2222", "ssh -l me -p 2222 ::1 docker version"],
    ["ssh://box/run/d.sock", "ssh box docker --host unix:///run/d.sock version"],
  ])("for %s is told with all that is in it, for a person to try", (target, command) => {
    expect(sshTrial(target)).toBe(command);
  });
});
