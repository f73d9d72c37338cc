/** Which cluster is chosen, and what an operator is told when there is none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { findAccess } from "../../../../src/backends/kubernetes/access/find-access.ts";
import { BackendUnusable } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";

let dir: TempDir;

const config = (name: string, more: object = {}) =>
  JSON.stringify({
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server: `https://${name}.test:6443/` } }],
    users: [{ name, user: { token: `token-of-${name}` } }],
    ...more,
  });

beforeAll(async () => {
  dir = await TempDir.create("access");
  for (const name of ["set", "one", "two"]) await dir.write(name, config(name));
  await dir.write("home/.kube/config", config("home"));
  await dir.write("account/token", "t");
});

afterAll(() => dir[Symbol.asyncDispose]());

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };

function find(kubeconfig: string | null, environment: Readonly<Record<string, string>>, account = "account") {
  return findAccess({ kubeconfig, environment, serviceAccountDir: dir.join(account) });
}

const wordsFor = (path: string) => {
  try {
    return findAccess({ kubeconfig: path, environment: {} }).origin;
  } catch (error) {
    return error instanceof BackendUnusable ? error.message : error;
  }
};

describe("the cluster is", () => {
  test("that of the setting, whatever else there is", () => {
    const all = { ...IN_CLUSTER, KUBECONFIG: dir.join("one"), HOME: dir.join("home") };
    expect(find(dir.join("set"), all)).toMatchObject({
      origin: `kubeconfig "${dir.join("set")}" (backend.kubernetes.kubeconfig), context "set"`,
      cluster: { server: "https://set.test:6443" },
      user: { token: "token-of-set" },
    });
  });

  test("else the one the worker runs in", () => {
    const { cluster, user } = find(null, { ...IN_CLUSTER, KUBECONFIG: dir.join("one") });
    expect(cluster.server).toBe("https://[fd00::1]:443");
    expect(user.tokenFile).toBe(dir.join("account/token"));
  });

  test("else those of KUBECONFIG, the first of a name winning, what is not there passed over", () => {
    const listed = ["gone", "one", "two"].map((name) => dir.join(name)).join(":");
    expect(find(null, { ...IN_CLUSTER, KUBECONFIG: listed }, "no-account").cluster.server).toBe(
      "https://one.test:6443",
    );
  });

  // What `KUBECONFIG=$(mktemp):...` gives before anything is written there; it kept the worker from starting.
  test("else those of KUBECONFIG, one that holds nothing yet passed over too", async () => {
    const listed = [await dir.write("nothing-yet", "\n"), dir.join("two")].join(":");
    expect(find(null, { KUBECONFIG: listed }).cluster.server).toBe("https://two.test:6443");
  });

  test("found although another one, which nothing uses, has no address", async () => {
    const left = { name: "left", cluster: {} };
    const used = { name: "used", cluster: { server: "https://used.test" } };
    const path = await dir.write("with-left", config("used", { clusters: [left, used] }));
    expect(find(path, {}).cluster.server).toBe("https://used.test");
  });

  test("none: then files of KUBECONFIG that are not there or hold nothing are named", async () => {
    const [gone, empty] = [dir.join("gone"), await dir.write("nothing-yet", "")];
    expect(() => find(null, { KUBECONFIG: `${gone}:${empty}` })).toThrow(
      `Cannot use the kubeconfig "${gone}", "${empty}" (KUBECONFIG): they are not there, or empty`,
    );
  });

  test("else that of kubectl's usual place", () => {
    expect(find(null, { HOME: dir.join("home") }).cluster.server).toBe("https://home.test:6443");
  });

  test("nowhere: then all the places are named", () => {
    expect(() => find(null, { HOME: dir.join("no-home") })).toThrow(
      /KUBERNETES_SERVICE_HOST.*KUBECONFIG is not set.*no-home\/\.kube\/config.*backend\.kubernetes\.kubeconfig/,
    );
  });
});

describe("of a kubeconfig that cannot be used, one is told", () => {
  test.each([
    ["that it is not there", null, /ENOENT.*correct the path/],
    ["that it is not YAML", "a: [", /it is not YAML/],
    ["that it is empty", "", /it is empty/],
    ["that it has no current context", config("x", { "current-context": "" }), /kubectl config use-context/],
    ["which contexts it has", config("x", { "current-context": "y" }), /no context "y"; it has x/],
    ["which clusters it has", config("x", { clusters: [] }), /no cluster "x"; it has none/],
    ["which users it has", config("x", { users: [] }), /no user "x"; it has none/],
    [
      "that a server has no address",
      config("x", { clusters: [{ name: "x", cluster: { server: "somewhere" } }] }),
      /cluster "x" has no server/,
    ],
    [
      "that its way to log in is obsolete",
      config("x", { users: [{ name: "x", user: { "auth-provider": { name: "gcp" } } }] }),
      /auth-provider "gcp".*exec plugin/,
    ],
    // The API server took two groups for one of both names, and the role seemed to lack what it grants to each.
    [
      "that only one of several groups can be sent",
      config("x", { users: [{ name: "x", user: { as: "ann", "as-groups": ["one", "two"] } }] }),
      /user "x" has several as-groups, of which only one can be sent; leave the others out/,
    ],
    [
      "that only one of several values can be sent that a key of as-user-extra has",
      config("x", { users: [{ name: "x", user: { as: "ann", "as-user-extra": { scopes: ["a", "b"] } } }] }),
      /user "x" has several values of one key in as-user-extra/,
    ],
  ])("%s", async (_what, text, words) => {
    const path = text === null ? dir.join("nowhere") : await dir.write("broken", text);
    expect(wordsFor(path)).toMatch(words);
    expect(wordsFor(path)).toContain(path);
  });
});

test("a user may act as another one in one group, and with one value of each further key", async () => {
  const user = { as: "ann", "as-groups": ["one"], "as-user-extra": { scopes: ["a"], reason: ["b"] } };
  const path = await dir.write("as", config("x", { users: [{ name: "x", user }] }));
  expect(findAccess({ kubeconfig: path, environment: {} }).user.impersonation).toEqual([
    ["Impersonate-User", "ann"],
    ["Impersonate-Group", "one"],
    ["Impersonate-Extra-scopes", "a"],
    ["Impersonate-Extra-reason", "b"],
  ]);
});

test("a token that kubectl left empty is none, and paths are below the kubeconfig's folder", async () => {
  const user = { token: "", tokenFile: "tokens/mine", "client-certificate": "/abs/cert", exec: null };
  const path = await dir.write("sub/config", config("x", { users: [{ name: "x", user }] }));
  expect(findAccess({ kubeconfig: path, environment: {} }).user).toMatchObject({
    token: null,
    tokenFile: dir.join("sub/tokens/mine"),
    cert: { path: "/abs/cert" },
    exec: null,
  });
});
