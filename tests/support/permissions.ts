/** For tests of what a user may not do: root may do everything, and has to give that up. */

/** Starts a program that is refused what the modes of files and folders refuse to it. */
export const OBEYING: readonly string[] =
  process.getuid?.() === 0
    ? [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
      ]
    : [];

/** Not everywhere may root give up anything. */
export const CAN_OBEY = OBEYING.length === 0 || Bun.spawnSync([...OBEYING, "true"]).exitCode === 0;
