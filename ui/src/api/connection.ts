import { create } from "zustand";

export type ConnectionState = "connecting" | "live" | "polling" | "offline";

interface Connection {
  /** The socket is open and its channels are subscribed. */
  socket: boolean;
  /** The last request was answered, by whatever status; null before the first. */
  reachable: boolean | null;
}

/** Whether the studio is heard, and how. Written by client.ts and live.ts only. */
export const useConnection = create<Connection>(() => ({ socket: false, reachable: null }));

/** `live`: events arrive. `polling`: it answers, but pages must ask. `offline`: it does not answer. */
export function stateOf({ socket, reachable }: Connection): ConnectionState {
  if (socket) return "live";
  if (reachable === null) return "connecting";
  return reachable ? "polling" : "offline";
}

export function reached(reachable: boolean): void {
  if (useConnection.getState().reachable !== reachable) useConnection.setState({ reachable });
}
