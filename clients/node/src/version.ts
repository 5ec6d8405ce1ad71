/** The version of this package, which is that of the server it was made with. */
export const VERSION = "0.1.0";

/** The oldest server that knows all calls of this package. */
export const OLDEST_SERVER = "0.1.0";
