export {
  Apimart,
  ApimartError,
  OLDEST_SERVER,
  startApimart,
  useApimart,
  VERSION,
} from "./index.js";
export type * from "./index.js";
