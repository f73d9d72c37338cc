/** The exit statuses that service managers and scripts rely on. */
export const EXIT = {
  /** It did what it was asked, a stop included. */
  ok: 0,
  couldNotStart: 1,
  /** Nothing was started. */
  badUsage: 2,
  /** The control plane refused the key: starting again with the same one is of no use. */
  refused: 77,
} as const;
