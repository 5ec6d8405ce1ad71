/** A fake APIMart for tests: a separate world for each test, on one shared server. */
/// <reference lib="esnext.disposable" preserve="true" />
export { Apimart } from "./apimart";
export type { Duration } from "./arguments";
export { ApimartError } from "./error";
export type { ErrorName, Operation, SocketFault } from "./names";
export { startApimart, type StartedApimart } from "./start";
export { useApimart } from "./use";
export { OLDEST_SERVER, VERSION } from "./version";
export type { Clock } from "./world/clock";
export type { Environment } from "./world/environment";
export type { Failing } from "./world/failing";
export type { GivenAnswer, Request } from "./world/request";
export type { Matching, Requests, Waiting } from "./world/requests";
export type { Rule } from "./world/rule";
export type { Task } from "./world/task";
export type { Tasks } from "./world/tasks";
export type { Upload } from "./world/upload";
export type { Uploads } from "./world/uploads";
