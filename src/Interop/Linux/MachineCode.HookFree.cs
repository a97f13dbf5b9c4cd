// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: free through the runtime hook as it nearly always goes: a known place, a plain record, a pair seen before.
// Who calls it: every managed free, by the entry stub that EntryStubs makes of it.
// The one idea: FreeGate.TryFree in one straight line, without a transition into managed code. What is not as usual about the
// record is noticed once it is taken, while its line came, and goes on in HookBodies; everything else before.
// Safety: as in MachineCode.HookMalloc; the place's frame is compared with the thread's own stack before it is read.
using System.Buffers.Binary;

namespace NativeLeak.Interop.Linux;

/// <content>The hook's free.</content>
internal static unsafe partial class MachineCode
{
    private const int HookFreeSlot = 26, HookFreeContext = 41, HookFreeFinish = 653, HookFreeBody = 679;

    // void free(void* block [rdi]), entered as SystemNative_Free is.
    private static ReadOnlySpan<byte> HookFreeCode =>
    [
        // Is the thread known, and are frees passed on as they come?
        0x48, 0x85, 0xFF,                                          //           test rdi, rdi
        0x0F, 0x84, 0x71, 0x02, 0x00, 0x00,                        //           je nothing

        // What the C heap will read of the block: the interlocked operation below would hold its loads up.
        0x0F, 0x18, 0x4F, 0xF0,                                    //           prefetcht0 [rdi-16]
        0x0F, 0x18, 0x0F,                                          //           prefetcht0 [rdi]
        0x53,                                                      //           push rbx
        0x41, 0x54,                                                //           push r12
        0x41, 0x55,                                                //           push r13
        0x64, 0x48, 0x8B, 0x1C, 0x25, 0, 0, 0, 0,                  //           mov rbx, fs:[the slot]
        0x48, 0x85, 0xDB,                                          //           test rbx, rbx
        0x0F, 0x84, 0x6E, 0x02, 0x00, 0x00,                        //           je slow
        0x49, 0xBA, 0, 0, 0, 0, 0, 0, 0, 0,                        //           mov r10, the context
        0x49, 0x8B, 0x0A,                                          //           mov rcx, [r10+Gates]
        0x83, 0x79, 0x04, 0x00,                                    //           cmp dword [rcx+4], 0
        0x0F, 0x85, 0x57, 0x02, 0x00, 0x00,                        //           jne slow

        // The slot of the address, in a region that is in use; on its way from here on.
        0x40, 0xF6, 0xC7, 0x0F,                                    //           test dil, 15
        0x0F, 0x85, 0x4D, 0x02, 0x00, 0x00,                        //           jne slow
        0x48, 0x89, 0xF9,                                          //           mov rcx, rdi
        0x48, 0xC1, 0xE9, 0x2F,                                    //           shr rcx, 47
        0x0F, 0x85, 0x40, 0x02, 0x00, 0x00,                        //           jne slow
        0x48, 0x89, 0xFE,                                          //           mov rsi, rdi
        0x48, 0xC1, 0xEE, 0x1B,                                    //           shr rsi, 27
        0x49, 0x8B, 0x4A, HookLayout.Directory,                    //           mov rcx, [r10+Directory]
        0x48, 0x8B, 0x0C, 0xF1,                                    //           mov rcx, [rcx+rsi*8]
        0x48, 0x85, 0xC9,                                          //           test rcx, rcx
        0x0F, 0x84, 0x28, 0x02, 0x00, 0x00,                        //           je slow
        0x48, 0x89, 0xFE,                                          //           mov rsi, rdi
        0x48, 0xC1, 0xEE, 0x06,                                    //           shr rsi, 6
        0x81, 0xE6, 0xFF, 0xFF, 0x1F, 0x00,                        //           and esi, 0x1FFFFF
        0x48, 0x8D, 0x34, 0xB1,                                    //           lea rsi, [rcx+rsi*4]
        0x48, 0x89, 0xF1,                                          //           mov rcx, rsi
        0x49, 0x2B, 0x4A, HookLayout.Leaves,                       //           sub rcx, [r10+Leaves]
        0x48, 0xC1, 0xE9, 0x08,                                    //           shr rcx, 8
        0x49, 0x03, 0x4A, HookLayout.Tallies,                      //           add rcx, [r10+Tallies]
        0x80, 0x39, 0x00,                                          //           cmp byte [rcx], 0
        0x0F, 0x84, 0xFF, 0x01, 0x00, 0x00,                        //           je slow
        0x0F, 0x18, 0x0E,                                          //           prefetcht0 [rsi]

        // Is the place that frees known to the thread (FreePlaces), and the frame on its stack?
        0x48, 0x8B, 0x54, 0x24, 0x18,                              //           mov rdx, [rsp+24]
        0x89, 0xD1,                                                //           mov ecx, edx
        0xC1, 0xE1, 0x03,                                          //           shl ecx, 3
        0x81, 0xE1, 0xE0, 0x00, 0x00, 0x00,                        //           and ecx, 0xE0
        0x4C, 0x8D, 0x44, 0x0B, HookLayout.ThreadPlaces,           //           lea r8, [rbx+rcx+ThreadPlaces]
        0x49, 0x39, 0x10,                                          //           cmp [r8], rdx
        0x0F, 0x85, 0xDE, 0x01, 0x00, 0x00,                        //           jne slow
        0x48, 0x8B, 0x4B, HookLayout.ThreadStackEnd,               //           mov rcx, [rbx+ThreadStackEnd]
        0x48, 0x8D, 0x41, 0xF0,                                    //           lea rax, [rcx-16]
        0x48, 0x39, 0xC5,                                          //           cmp rbp, rax
        0x0F, 0x83, 0xCD, 0x01, 0x00, 0x00,                        //           jae slow
        0x48, 0x39, 0xE5,                                          //           cmp rbp, rsp
        0x0F, 0x86, 0xC4, 0x01, 0x00, 0x00,                        //           jbe slow
        0x40, 0xF6, 0xC5, 0x07,                                    //           test bpl, 7
        0x0F, 0x85, 0xBA, 0x01, 0x00, 0x00,                        //           jne slow
        0x48, 0x8B, 0x4D, 0x08,                                    //           mov rcx, [rbp+8]
        0x49, 0x39, 0x48, 0x08,                                    //           cmp [r8+8], rcx
        0x0F, 0x85, 0xAC, 0x01, 0x00, 0x00,                        //           jne slow
        0x4D, 0x8B, 0x40, 0x18,                                    //           mov r8, [r8+24]
        0x4C, 0x8B, 0x63, HookLayout.ThreadRing,                   //           mov r12, [rbx+ThreadRing]
        0x4D, 0x85, 0xE4,                                          //           test r12, r12
        0x0F, 0x84, 0x9B, 0x01, 0x00, 0x00,                        //           je slow

        // The site of the free, where a ring and a pair have it. Has the thread's list room, and waits no record in its queue?
        0x49, 0xC1, 0xE0, 0x18,                                    //           shl r8, 24
        0x4C, 0x8B, 0x6B, HookLayout.ThreadStripe,                 //           mov r13, [rbx+ThreadStripe]
        0x41, 0x83, 0x7D, HookLayout.StripeFreeCount, 0x3F,        //           cmp dword [r13+StripeFreeCount], 63
        0x0F, 0x83, 0x88, 0x01, 0x00, 0x00,                        //           jae slow
        0x49, 0x8B, 0x4D, HookLayout.StripeQueue,                  //           mov rcx, [r13+StripeQueue]
        0x83, 0x79, 0x04, 0x00,                                    //           cmp dword [rcx+4], 0
        0x0F, 0x85, 0x7A, 0x01, 0x00, 0x00,                        //           jne slow

        // In the slot, the block's record; on its way while the exchange is made, which no later load can overtake.
        0x8B, 0x06,                                                //           mov eax, [rsi]
        0x41, 0x89, 0xC3,                                          //           mov r11d, eax
        0x41, 0x81, 0xE3, 0xFF, 0xFF, 0xFF, 0x1F,                  //           and r11d, 0x1FFFFFFF
        0x0F, 0x84, 0x68, 0x01, 0x00, 0x00,                        //           je slow
        0x89, 0xFA,                                                //           mov edx, edi
        0x83, 0xE2, 0x30,                                          //           and edx, 0x30
        0xC1, 0xE2, 0x19,                                          //           shl edx, 25
        0x31, 0xC2,                                                //           xor edx, eax
        0xC1, 0xEA, 0x1D,                                          //           shr edx, 29
        0x0F, 0x85, 0x55, 0x01, 0x00, 0x00,                        //           jne slow
        0x49, 0xC1, 0xE3, 0x04,                                    //           shl r11, 4
        0x4D, 0x03, 0x5A, HookLayout.Entries,                      //           add r11, [r10+Entries]
        0x41, 0x0F, 0x18, 0x0B,                                    //           prefetcht0 [r11]

        // Announce the address, then take the record. Order: as in FreeGate.TryFree; of two frees one wins.
        0x49, 0x89, 0x3C, 0x24,                                    //           mov [r12], rdi
        0x31, 0xC9,                                                //           xor ecx, ecx
        0xF0, 0x0F, 0xB1, 0x0E,                                    //           lock cmpxchg [rsi], ecx
        0x0F, 0x85, 0x39, 0x01, 0x00, 0x00,                        //           jne slow
        0x89, 0xC6,                                                //           mov esi, eax
        0x81, 0xE6, 0xFF, 0xFF, 0xFF, 0x1F,                        //           and esi, 0x1FFFFFFF

        // Is there no reader? Then the record: is it plain, live, unpinned, without hints, and the block small? Order: in this
        // order; who has left has pinned before (RecordStore.TryRecycle).
        0x49, 0x8B, 0x4A, HookLayout.Readers,                      //           mov rcx, [r10+Readers]
        0x83, 0x39, 0x00,                                          //           cmp dword [rcx], 0
        0x0F, 0x85, 0x0A, 0x01, 0x00, 0x00,                        //           jne removed
        0x49, 0x8B, 0x53, 0x08,                                    //           mov rdx, [r11+8]
        0x41, 0x89, 0xD1,                                          //           mov r9d, edx
        0x41, 0x81, 0xE1, 0xFF, 0xFF, 0xFF, 0x3F,                  //           and r9d, 0x3FFFFFFF
        0x41, 0x81, 0xF9, 0x00, 0x80, 0x00, 0x00,                  //           cmp r9d, 32768
        0x0F, 0x87, 0xEF, 0x00, 0x00, 0x00,                        //           ja removed
        0x48, 0x89, 0xD1,                                          //           mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x20,                                    //           shr rcx, 32
        0x81, 0xE1, 0xFF, 0x80, 0x00, 0x00,                        //           and ecx, 0x80FF
        0x83, 0xF9, 0x01,                                          //           cmp ecx, 1
        0x0F, 0x85, 0xD9, 0x00, 0x00, 0x00,                        //           jne removed

        // Is the pair of site and place known (FreePairs)?
        0x41, 0x8B, 0x0B,                                          //           mov ecx, [r11]
        0x81, 0xE1, 0xFF, 0xFF, 0x0F, 0x00,                        //           and ecx, 0xFFFFF
        0x4C, 0x09, 0xC1,                                          //           or rcx, r8
        0x48, 0x89, 0xD0,                                          //           mov rax, rdx
        0x48, 0xC1, 0xE8, 0x28,                                    //           shr rax, 40
        0x83, 0xE0, 0x1F,                                          //           and eax, 31
        0x48, 0xC1, 0xE0, 0x30,                                    //           shl rax, 48
        0x48, 0x09, 0xC1,                                          //           or rcx, rax
        0x48, 0xB8, 0x15, 0x7C, 0x4A, 0x7F, 0xB9, 0x79, 0x37, 0x9E, //           mov rax, 0x9E3779B97F4A7C15
        0x48, 0x0F, 0xAF, 0xC1,                                    //           imul rax, rcx
        0x48, 0xC1, 0xE8, 0x34,                                    //           shr rax, 52
        0x48, 0xC1, 0xE0, 0x03,                                    //           shl rax, 3
        0x49, 0x03, 0x42, HookLayout.Pairs,                        //           add rax, [r10+Pairs]
        0x48, 0x39, 0x08,                                          //           cmp [rax], rcx
        0x0F, 0x85, 0x99, 0x00, 0x00, 0x00,                        //           jne removed

        // What the ring will remember: site and birth from the record, the place, the API.
        0x48, 0xB9, 0xFF, 0xFF, 0x0F, 0x00, 0x80, 0xFF, 0x7F, 0x00, //           mov rcx, 0x007FFF80000FFFFF
        0x49, 0x23, 0x0B,                                          //           and rcx, [r11]
        0x49, 0xC1, 0xE8, 0x04,                                    //           shr r8, 4
        0x4C, 0x09, 0xC1,                                          //           or rcx, r8
        0x48, 0xB8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x0F, //           mov rax, 0x0F80000000000000
        0x48, 0xC1, 0xE2, 0x0F,                                    //           shl rdx, 15
        0x48, 0x21, 0xC2,                                          //           and rdx, rax
        0x48, 0x09, 0xD1,                                          //           or rcx, rdx

        // The entry goes back to the thread's list, empty and linked in one store.
        0x49, 0xFF, 0x45, HookLayout.StripeFreed,                  //           inc qword [r13+StripeFreed]
        0x4D, 0x01, 0x4D, HookLayout.StripeFreedBytes,             //           add [r13+StripeFreedBytes], r9
        0x41, 0x8B, 0x45, HookLayout.StripeFreeHead,               //           mov eax, [r13+StripeFreeHead]
        0x49, 0x89, 0x43, 0x08,                                    //           mov [r11+8], rax
        0x41, 0x89, 0x75, HookLayout.StripeFreeHead,               //           mov [r13+StripeFreeHead], esi
        0x41, 0xFF, 0x45, HookLayout.StripeFreeCount,              //           inc dword [r13+StripeFreeCount]

        // The ring (FreeRing.Add).
        0x41, 0x8B, 0x44, 0x24, 0x08,                              //           mov eax, [r12+8]
        0x3D, 0xC0, 0x01, 0x00, 0x00,                              //           cmp eax, 448
        0x72, 0x02,                                                //           jb inring
        0x31, 0xC0,                                                //           xor eax, eax
        0x48, 0x89, 0xFA,                                          // inring:   mov rdx, rdi
        0x48, 0xC1, 0xEA, 0x04,                                    //           shr rdx, 4
        0x66, 0x41, 0x89, 0x54, 0x44, 0x40,                        //           mov [r12+rax*2+64], dx
        0x89, 0xC6,                                                //           mov esi, eax
        0xC1, 0xE6, 0x04,                                          //           shl esi, 4
        0x49, 0xC1, 0xE1, 0x30,                                    //           shl r9, 48
        0x49, 0x09, 0xF9,                                          //           or r9, rdi
        0x4D, 0x89, 0x8C, 0x34, 0xC0, 0x03, 0x00, 0x00,            //           mov [r12+rsi+960], r9
        0x49, 0x89, 0x8C, 0x34, 0xC8, 0x03, 0x00, 0x00,            //           mov [r12+rsi+968], rcx
        0xFF, 0xC0,                                                //           inc eax
        0x41, 0x89, 0x44, 0x24, 0x08,                              //           mov [r12+8], eax

        // The C heap has it from here on. Order: x64 keeps stores in their order; pairs with RecentFrees.IsFreedByOther.
        0x48, 0x89, 0xF8,                                          //           mov rax, rdi
        0x48, 0x0F, 0xBA, 0xE8, 0x3F,                              //           bts rax, 63
        0x49, 0x89, 0x04, 0x24,                                    //           mov [r12], rax
        0x41, 0xFF, 0x52, HookLayout.Free,                         //           call [r10+Free]
        0x49, 0x83, 0x24, 0x24, 0x00,                              //           and qword [r12], 0
        0x41, 0x5D,                                                //           pop r13
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx
        0xC3,                                                      // nothing:  ret

        // The record is out of its slot, and something is not as usual: (block, entry, place).
        0x4C, 0x89, 0xC2,                                          // removed:  mov rdx, r8
        0x48, 0xC1, 0xEA, 0x18,                                    //           shr rdx, 24
        0x41, 0x5D,                                                //           pop r13
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx
        0xFF, 0x25, 0x00, 0x00, 0x00, 0x00,                        //           jmp qword [rip+0]
        0, 0, 0, 0, 0, 0, 0, 0,                                    //           the address it jumps to

        // Nothing was changed: the body does it all.
        0x41, 0x5D,                                                // slow:     pop r13
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx
        0x48, 0x89, 0xEE,                                          //           mov rsi, rbp
        0x48, 0x8B, 0x14, 0x24,                                    //           mov rdx, [rsp]
        0xFF, 0x25, 0x00, 0x00, 0x00, 0x00,                        //           jmp qword [rip+0]
        0, 0, 0, 0, 0, 0, 0, 0,                                    //           the address it jumps to
    ];

    /// <summary>Writes the stub.</summary>
    /// <param name="destination">At least <see cref="MaximumHookByteCount"/> bytes.</param>
    /// <param name="slotOffset"><see cref="ThreadSlot.Offset"/>; not 0.</param>
    /// <param name="context">Where <see cref="HookLayout"/> finds what is the same for all threads.</param>
    /// <param name="body">void (void* block, frame pointer, return address): does all of it.</param>
    /// <param name="finish">void (void* block, entry, site of the free): frees a block that the thread's ring announces, and
    /// whose record is out of its slot.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteHookFree(Span<byte> destination, int slotOffset, nint context, nint body, nint finish)
    {
        HookFreeCode.CopyTo(destination);
        BinaryPrimitives.WriteInt32LittleEndian(destination[HookFreeSlot..], slotOffset);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookFreeContext..], context);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookFreeFinish..], finish);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookFreeBody..], body);
        return HookFreeCode.Length;
    }
}
