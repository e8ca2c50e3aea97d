import { create } from "zustand";

const KEY = "mistudio.token";

interface Session {
  /** The API token; kept until the tab is closed. Null on a studio that asks for none. */
  token: string | null;
  /** The studio answered 401: the sign-in dialog is open. */
  asked: boolean;
}

/** Who speaks to the studio. A studio that listens only on this machine asks nobody. */
export const useSession = create<Session>(() => ({ token: sessionStorage.getItem(KEY), asked: false }));

export function signIn(token: string): void {
  sessionStorage.setItem(KEY, token);
  useSession.setState({ token, asked: false });
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  useSession.setState({ token: null });
}

export function askToSignIn(): void {
  useSession.setState({ asked: true });
}
