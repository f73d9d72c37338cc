/** For tests of what a user may not do: root may do everything, and has to give that up. */

const POWERS = "-dac_override,-dac_read_search,-sys_resource";

/** Starts a program that is refused what the modes of files and folders refuse to it, and cannot raise its limits. */
export const OBEYING: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", `--bounding-set=${POWERS}`, `--inh-caps=${POWERS}`] : [];

/** Not everywhere may root give up anything. */
export const CAN_OBEY = OBEYING.length === 0 || Bun.spawnSync([...OBEYING, "true"]).exitCode === 0;
