/** The output of a container: two streams in one, or one as it is when the container has a terminal. */

export interface LogChunk {
  readonly stream: "stdout" | "stderr";
  /** Any part of the output, cut anywhere; never empty. */
  readonly bytes: Uint8Array;
}
