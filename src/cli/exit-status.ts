/** The exit statuses that service managers and scripts rely on. */
export const EXIT = {
  /** It did what it was asked, a stop included. */
  ok: 0,
  couldNotStart: 1,
  /** Nothing was started. */
  badUsage: 2,
  /** The control plane refused the key: starting again with the same one is of no use. */
  refused: 77,
  /** It was asked to stop before it could answer what it was asked; as a shell has it of Ctrl-C. */
  interrupted: 130,
} as const;
