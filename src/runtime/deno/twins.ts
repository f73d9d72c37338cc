/**
 * Each file of this folder that stands in for one of Bun's exports what that one does, and the same
 * types of it: nothing of this runs, it is for the compiler. The gate sees to it that no twin is missing.
 */

type Twin<Original, Own extends Original> = Own;

export type Twins = [
  Twin<typeof import("../boot-seconds.ts"), typeof import("./boot-seconds.ts")>,
  Twin<typeof import("../captured-child.ts"), typeof import("./captured-child.ts")>,
  Twin<typeof import("../cluster-fetch.ts"), typeof import("./cluster-fetch.ts")>,
  Twin<typeof import("../collect.ts"), typeof import("./collect.ts")>,
  Twin<typeof import("../datagrams.ts"), typeof import("./datagrams.ts")>,
  Twin<typeof import("../dial-program.ts"), typeof import("./dial-program.ts")>,
  Twin<typeof import("../dial.ts"), typeof import("./dial.ts")>,
  Twin<typeof import("../direct-fetch.ts"), typeof import("./direct-fetch.ts")>,
  Twin<typeof import("../foreground-child.ts"), typeof import("./foreground-child.ts")>,
  Twin<typeof import("../heard-child.ts"), typeof import("./heard-child.ts")>,
  Twin<typeof import("../http-server.ts"), typeof import("./http-server.ts")>,
  Twin<typeof import("../own-memory.ts"), typeof import("./own-memory.ts")>,
  Twin<typeof import("../own-pages.ts"), typeof import("./own-pages.ts")>,
  Twin<typeof import("../post.ts"), typeof import("./post.ts")>,
  Twin<typeof import("../jit-policy.ts"), typeof import("./jit-policy.ts")>,
  Twin<typeof import("../reap.ts"), typeof import("./reap.ts")>,
  Twin<typeof import("../route.ts"), typeof import("./route.ts")>,
  Twin<typeof import("../self.ts"), typeof import("./self.ts")>,
  Twin<typeof import("../serve.ts"), typeof import("./serve.ts")>,
  Twin<typeof import("../shim-channel.ts"), typeof import("./shim-channel.ts")>,
  Twin<typeof import("../signal-mask.ts"), typeof import("./signal-mask.ts")>,
  Twin<typeof import("../soft-limits.ts"), typeof import("./soft-limits.ts")>,
  Twin<typeof import("../spawn.ts"), typeof import("./spawn.ts")>,
  Twin<typeof import("../web-socket.ts"), typeof import("./web-socket.ts")>,
  Twin<typeof import("../write-aside.ts"), typeof import("./write-aside.ts")>,
  Twin<typeof import("../yaml.ts"), typeof import("./yaml.ts")>,
];
