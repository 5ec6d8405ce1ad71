/** The server refused a call or cannot be reached, or a test did not do what its rules ask for. */
export class ApimartError extends Error {
  override name = "ApimartError";
}
