import { expect, test } from "bun:test";
import { confidentialTexts } from "../../../../src/backends/command/confidential.ts";
import { sampleAssignment } from "../../task/sample-assignment.ts";

test("the prompt and what MCP servers are told are confidential, the names of programs are not", () => {
  const github = {
    command: "docker",
    args: ["run", "--token=t0ken"],
    env: { TOKEN: "ghp-1", command: "c0mmand" },
    port: 1,
  };
  const remote = { url: "https://mcp.example/?key=k3y", headers: { Authorization: "Bearer b" } };
  const texts = confidentialTexts(
    sampleAssignment({
      snapshot: { mcpServers: { github, remote, off: null } },
      taskAsReceived: { task_definition: { prompt: "Find the leak" } },
    }),
  );
  expect(texts.toSorted()).toEqual(
    [
      "Find the leak",
      ...["run", "--token=t0ken", "ghp-1", "c0mmand"],
      ...["https://mcp.example/?key=k3y", "Bearer b"],
    ].toSorted(),
  );
});

test("a task without prompt or servers has none", () => {
  expect(confidentialTexts(sampleAssignment())).toEqual([]);
});
