export async function simulateScale(): Promise<boolean> {
  return true;
}
