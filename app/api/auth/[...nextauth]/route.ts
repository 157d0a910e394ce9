import { nextAuth } from '@/app/_server';

export { nextAuth as GET, nextAuth as POST };
