import type { QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { io, type Socket } from "socket.io-client";
import { reached, useConnection } from "./connection";
import { applyEvents, type Delivery } from "./events";
import { useSession } from "./session";

/** A channel of the catalogue: src/mistudio/studio/events/catalogue.py. */
export type Channel = "jobs" | `jobs/${string}` | `trainings/${string}` | "system/metrics" | "store";

interface Subscription {
  /** Parts of the page that want it. */
  users: number;
  /** The newest event seen: where to catch up from. */
  last: number | undefined;
  /** The newest of this connection: after a rebuilt database the numbers may begin anew. */
  floor: number;
}

const subscriptions = new Map<Channel, Subscription>();
const FLUSH_MS = 100;
const MAX_WAITING = 2000;
const PROBE_MS = 4000;

let socket: Socket | undefined;
let waiting: Delivery[] = [];
let flush: ReturnType<typeof setTimeout> | undefined;

/** Open the one socket. Its events patch the cache; while it is down, live queries poll (queryClient.ts). */
export function startLive(client: QueryClient): () => void {
  const connection = io({
    path: "/ws/socket.io",
    transports: ["websocket"],
    auth: (send) => send({ token: useSession.getState().token }),
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });
  socket = connection;
  connection.on("connect", () => {
    for (const [channel, subscription] of subscriptions) {
      subscription.floor = 0;
      connection.emit("subscribe", { channel, after: subscription.last });
    }
    useConnection.setState({ socket: true, reachable: true });
    // What was not subscribed before may have changed unseen.
    void client.invalidateQueries({ predicate: ({ meta }) => meta?.poll !== undefined });
  });
  const down = () => {
    if (!useConnection.getState().socket) return;
    useConnection.setState({ socket: false });
    // The next fetch starts the polling.
    void client.invalidateQueries({ predicate: ({ meta }) => meta?.poll !== undefined });
  };
  connection.on("disconnect", down);
  connection.on("connect_error", down);
  connection.on("event", (delivery: Delivery) => receive(client, delivery));
  const probe = setInterval(() => void look(), PROBE_MS);
  const signedIn = useSession.subscribe((now, before) => {
    if (now.token !== before.token) connection.disconnect().connect();
  });
  return () => {
    clearInterval(probe);
    clearTimeout(flush);
    flush = undefined;
    waiting = [];
    signedIn();
    connection.disconnect();
    socket = undefined;
    useConnection.setState({ socket: false });
  };
}

function receive(client: QueryClient, delivery: Delivery): void {
  const subscription = subscriptions.get(delivery.channel as Channel);
  // Catching up may bring what was seen already.
  if (!subscription || delivery.seq <= subscription.floor) return;
  subscription.floor = subscription.last = delivery.seq;
  waiting.push(delivery);
  // A tab in the background is woken rarely: what it cannot hold is dropped, since payloads state what is so now.
  if (waiting.length > MAX_WAITING) waiting = waiting.slice(-MAX_WAITING / 2);
  flush ??= setTimeout(() => {
    const batch = waiting;
    waiting = [];
    flush = undefined;
    applyEvents(client, batch);
  }, FLUSH_MS);
}

/** Without a socket: is anybody there? */
async function look(): Promise<void> {
  if (useConnection.getState().socket) return;
  await fetch("/health/live").then(
    () => reached(true),
    () => reached(false),
  );
}

/** Hear a channel until the returned function is called. Counted: the last to leave unsubscribes. */
export function subscribe(channel: Channel): () => void {
  const subscription = subscriptions.get(channel) ?? { users: 0, last: undefined, floor: 0 };
  subscriptions.set(channel, subscription);
  subscription.users += 1;
  if (subscription.users === 1 && socket?.connected) socket.emit("subscribe", { channel });
  let left = false;
  return () => {
    if (left) return;
    left = true;
    subscription.users -= 1;
    if (subscription.users > 0) return;
    subscriptions.delete(channel);
    if (socket?.connected) socket.emit("unsubscribe", { channel });
  };
}

/** Keep the cache right by a channel's events while this part of the page is shown; null hears nothing. */
export function useLive(channel: Channel | null): void {
  useEffect(() => (channel === null ? undefined : subscribe(channel)), [channel]);
}
