import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { ConnectView } from './connect-view';
import { loadConnect } from './load';

export const metadata: Metadata = { title: 'Connect a client' };

export default async function ConnectPage() {
  return <ConnectView data={await loadConnect(await context())} />;
}
