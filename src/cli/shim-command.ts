/** The hidden command by which the daemon starts its shim. */
export const SHIM_COMMAND = "__shim";
