// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: malloc through the runtime hook as it nearly always goes: a known stack, a small block, an ordinary slot.
// Who calls it: every managed allocation, by the entry stub that EntryStubs makes of it.
// The one idea: AllocationRecorder.OnAllocated in one straight line, without a transition into managed code, which costs more
// than all the rest. What is not as usual is noticed before anything was changed and goes to the body in HookBodies with
// the original arguments; what is noticed once the block is there, to the body that records it.
// Safety: whatever is read or written is the calling thread's own (ThreadBlock, WalkMemo, RecordStripe), lies in tables that
// are never given back, or is stack that WalkMemo.Recall may read. It works in either GC mode: no reference, no frame.
using System.Buffers.Binary;

namespace NativeLeak.Interop.Linux;

/// <content>The hook's malloc.</content>
internal static unsafe partial class MachineCode
{
    private const int HookMallocSlot = 5, HookMallocContext = 20, HookMallocFinish = 664, HookMallocBody = 728;

    // void* malloc(size_t byteCount [rdi]), entered as SystemNative_Malloc is: rbp is the caller's frame, [rsp] its call.
    private static ReadOnlySpan<byte> HookMallocCode =>
    [
        // Is the thread known, is every block recorded, is it in no scope, is the block small?
        0x64, 0x48, 0x8B, 0x04, 0x25, 0, 0, 0, 0,                  //           mov rax, fs:[the slot]
        0x48, 0x85, 0xC0,                                          //           test rax, rax
        0x0F, 0x84, 0xB9, 0x02, 0x00, 0x00,                        //           je slow
        0x49, 0xBA, 0, 0, 0, 0, 0, 0, 0, 0,                        //           mov r10, the context
        0x49, 0x8B, 0x0A,                                          //           mov rcx, [r10+Gates]
        0x48, 0x83, 0x39, 0x00,                                    //           cmp qword [rcx], 0
        0x0F, 0x85, 0xA2, 0x02, 0x00, 0x00,                        //           jne slow
        0x83, 0x38, 0x00,                                          //           cmp dword [rax+ThreadScope], 0
        0x0F, 0x85, 0x99, 0x02, 0x00, 0x00,                        //           jne slow
        0x48, 0x81, 0xFF, 0x00, 0x80, 0x00, 0x00,                  //           cmp rdi, 32768
        0x0F, 0x87, 0x8C, 0x02, 0x00, 0x00,                        //           ja slow

        // Does the walk start where the last one did (WalkMemo.Recall)?
        0x4C, 0x8B, 0x40, HookLayout.ThreadMemo,                   //           mov r8, [rax+ThreadMemo]
        0x48, 0x8B, 0x14, 0x24,                                    //           mov rdx, [rsp]
        0x49, 0x39, 0x50, HookLayout.MemoReturn,                   //           cmp [r8+MemoReturn], rdx
        0x0F, 0x85, 0x7A, 0x02, 0x00, 0x00,                        //           jne slow
        0x49, 0x39, 0x28,                                          //           cmp [r8+MemoFrame], rbp
        0x0F, 0x85, 0x71, 0x02, 0x00, 0x00,                        //           jne slow
        0x49, 0x83, 0x78, HookLayout.MemoStack, 0x00,              //           cmp qword [r8+MemoStack], 0
        0x0F, 0x85, 0x66, 0x02, 0x00, 0x00,                        //           jne slow
        0x48, 0x8B, 0x48, HookLayout.ThreadStackEnd,               //           mov rcx, [rax+ThreadStackEnd]
        0x49, 0x39, 0x48, HookLayout.MemoStackEnd,                 //           cmp [r8+MemoStackEnd], rcx
        0x0F, 0x85, 0x58, 0x02, 0x00, 0x00,                        //           jne slow
        0x49, 0x8B, 0x4A, HookLayout.FrameVersion,                 //           mov rcx, [r10+FrameVersion]
        0x8B, 0x09,                                                //           mov ecx, [rcx]
        0x41, 0x39, 0x48, HookLayout.MemoVersion,                  //           cmp [r8+MemoVersion], ecx
        0x0F, 0x85, 0x48, 0x02, 0x00, 0x00,                        //           jne slow
        0x48, 0x39, 0xE5,                                          //           cmp rbp, rsp
        0x0F, 0x86, 0x3F, 0x02, 0x00, 0x00,                        //           jbe slow

        // Are the frames as they were? Two at a time: (frame, two words that stood there).
        0x66, 0x0F, 0xEF, 0xC0,                                    //           pxor xmm0, xmm0
        0x41, 0x0F, 0xB7, 0x48, HookLayout.MemoLinks,              //           movzx ecx, word [r8+MemoLinks]
        0x4D, 0x8D, 0x88, 0x80, 0x00, 0x00, 0x00,                  //           lea r9, [r8+MemoFirst]
        0x4C, 0x01, 0xC9,                                          //           add rcx, r9
        0xEB, 0x2D,                                                //           jmp links
        0x4D, 0x8B, 0x19,                                          // link:     mov r11, [r9]
        0x41, 0x0F, 0x10, 0x0B,                                    //           movups xmm1, [r11]
        0x41, 0x0F, 0x10, 0x51, 0x08,                              //           movups xmm2, [r9+8]
        0x66, 0x0F, 0xEF, 0xCA,                                    //           pxor xmm1, xmm2
        0x66, 0x0F, 0xEB, 0xC1,                                    //           por xmm0, xmm1
        0x4D, 0x8B, 0x59, 0x18,                                    //           mov r11, [r9+24]
        0x41, 0x0F, 0x10, 0x0B,                                    //           movups xmm1, [r11]
        0x41, 0x0F, 0x10, 0x51, 0x20,                              //           movups xmm2, [r9+32]
        0x66, 0x0F, 0xEF, 0xCA,                                    //           pxor xmm1, xmm2
        0x66, 0x0F, 0xEB, 0xC1,                                    //           por xmm0, xmm1
        0x49, 0x83, 0xC1, 0x30,                                    //           add r9, 48
        0x49, 0x39, 0xC9,                                          // links:    cmp r9, rcx
        0x72, 0xCE,                                                //           jb link

        // And the single words of methods without a frame: (address, word), downwards.
        0x4D, 0x8D, 0x88, 0xC0, 0x08, 0x00, 0x00,                  //           lea r9, [r8+MemoByteCount]
        0x41, 0x0F, 0xB7, 0x48, HookLayout.MemoWords,              //           movzx ecx, word [r8+MemoWords]
        0x4D, 0x89, 0xCB,                                          //           mov r11, r9
        0x49, 0x29, 0xCB,                                          //           sub r11, rcx
        0xEB, 0x17,                                                //           jmp words
        0x49, 0x83, 0xE9, 0x10,                                    // word:     sub r9, 16
        0x49, 0x8B, 0x09,                                          //           mov rcx, [r9]
        0x48, 0x8B, 0x09,                                          //           mov rcx, [rcx]
        0x49, 0x33, 0x49, 0x08,                                    //           xor rcx, [r9+8]
        0x66, 0x48, 0x0F, 0x6E, 0xC9,                              //           movq xmm1, rcx
        0x66, 0x0F, 0xEB, 0xC1,                                    //           por xmm0, xmm1
        0x4D, 0x39, 0xD9,                                          // words:    cmp r9, r11
        0x77, 0xE4,                                                //           ja word

        // Then the site is the same: an id without flags.
        0x66, 0x0F, 0xEF, 0xC9,                                    //           pxor xmm1, xmm1
        0x66, 0x0F, 0x76, 0xC1,                                    //           pcmpeqd xmm0, xmm1
        0x66, 0x0F, 0xD7, 0xC8,                                    //           pmovmskb ecx, xmm0
        0x81, 0xF9, 0xFF, 0xFF, 0x00, 0x00,                        //           cmp ecx, 0xFFFF
        0x0F, 0x85, 0xB0, 0x01, 0x00, 0x00,                        //           jne slow
        0x41, 0x8B, 0x48, HookLayout.MemoSite,                     //           mov ecx, [r8+MemoSite]
        0x8D, 0x51, 0xFF,                                          //           lea edx, [rcx-1]
        0x81, 0xFA, 0xFF, 0xFF, 0x0F, 0x00,                        //           cmp edx, 0xFFFFF
        0x0F, 0x83, 0x9D, 0x01, 0x00, 0x00,                        //           jae slow
        0x41, 0x83, 0x60, HookLayout.MemoWalks, 0x00,              //           and dword [r8+MemoWalks], 0

        // Nothing was changed until here. Does the clock stand where it stood when it was last converted (CoarsePage)?
        0x53,                                                      //           push rbx
        0x41, 0x54,                                                //           push r12
        0x57,                                                      //           push rdi
        0x48, 0x89, 0xC3,                                          //           mov rbx, rax
        0x4D, 0x89, 0xD4,                                          //           mov r12, r10
        0x49, 0x8B, 0x4C, 0x24, HookLayout.ClockWords,             //           mov rcx, [r12+ClockWords]
        0x48, 0x8B, 0x09,                                          //           mov rcx, [rcx]
        0x48, 0x8B, 0x53, HookLayout.ThreadClockNanoseconds,       //           mov rdx, [rbx+ThreadClockNanoseconds]
        0x48, 0x39, 0x51, 0x08,                                    //           cmp [rcx+8], rdx
        0x0F, 0x85, 0x4D, 0x01, 0x00, 0x00,                        //           jne ask
        0x48, 0x8B, 0x53, HookLayout.ThreadClock,                  //           mov rdx, [rbx+ThreadClock]
        0x48, 0x39, 0x11,                                          //           cmp [rcx], rdx
        0x0F, 0x85, 0x40, 0x01, 0x00, 0x00,                        //           jne ask

        // The C heap's part.
        0x41, 0xFF, 0x54, 0x24, HookLayout.Malloc,                 // stands:   call [r12+Malloc]
        0x48, 0x85, 0xC0,                                          //           test rax, rax
        0x0F, 0x84, 0x59, 0x01, 0x00, 0x00,                        //           je failed

        // The slot of the address, in a leaf that exists (AddressIndex), and the tally of the slots around it.
        0xA8, 0x0F,                                                //           test al, 15
        0x0F, 0x85, 0x0A, 0x01, 0x00, 0x00,                        //           jne finish
        0x48, 0x89, 0xC2,                                          //           mov rdx, rax
        0x48, 0xC1, 0xEA, 0x2F,                                    //           shr rdx, 47
        0x0F, 0x85, 0xFD, 0x00, 0x00, 0x00,                        //           jne finish
        0x48, 0x89, 0xC6,                                          //           mov rsi, rax
        0x48, 0xC1, 0xEE, 0x1B,                                    //           shr rsi, 27
        0x49, 0x8B, 0x4C, 0x24, HookLayout.Directory,              //           mov rcx, [r12+Directory]
        0x48, 0x8B, 0x0C, 0xF1,                                    //           mov rcx, [rcx+rsi*8]
        0x48, 0x85, 0xC9,                                          //           test rcx, rcx
        0x0F, 0x84, 0xE4, 0x00, 0x00, 0x00,                        //           je finish
        0x48, 0x89, 0xC6,                                          //           mov rsi, rax
        0x48, 0xC1, 0xEE, 0x06,                                    //           shr rsi, 6
        0x81, 0xE6, 0xFF, 0xFF, 0x1F, 0x00,                        //           and esi, 0x1FFFFF
        0x48, 0x8D, 0x34, 0xB1,                                    //           lea rsi, [rcx+rsi*4]
        0x0F, 0x18, 0x0E,                                          //           prefetcht0 [rsi]
        0x48, 0x89, 0xF7,                                          //           mov rdi, rsi
        0x49, 0x2B, 0x7C, 0x24, HookLayout.Leaves,                 //           sub rdi, [r12+Leaves]
        0x48, 0xC1, 0xEF, 0x08,                                    //           shr rdi, 8
        0x49, 0x03, 0x7C, 0x24, HookLayout.Tallies,                //           add rdi, [r12+Tallies]

        // Is the slot's region in use, and nobody there? Above 128, some second slot nearby is in use: is it ours?
        0x80, 0x3F, 0x80,                                          //           cmp byte [rdi], 128
        0x74, 0x13,                                                //           je plain
        0x0F, 0x82, 0xB4, 0x00, 0x00, 0x00,                        //           jb finish
        0x83, 0xBE, 0x00, 0x00, 0x80, 0x00, 0x00,                  //           cmp dword [rsi+0x800000], 0
        0x0F, 0x85, 0xA7, 0x00, 0x00, 0x00,                        //           jne finish
        0x83, 0x3E, 0x00,                                          // plain:    cmp dword [rsi], 0
        0x0F, 0x85, 0x9E, 0x00, 0x00, 0x00,                        //           jne finish

        // An entry of the thread's own, and the next ordinal of the same tick.
        0x4C, 0x8B, 0x43, HookLayout.ThreadStripe,                 //           mov r8, [rbx+ThreadStripe]
        0x41, 0x8B, 0x48, HookLayout.StripeFreeHead,               //           mov ecx, [r8+StripeFreeHead]
        0x85, 0xC9,                                                //           test ecx, ecx
        0x0F, 0x84, 0x8E, 0x00, 0x00, 0x00,                        //           je finish
        0x4D, 0x8B, 0x50, HookLayout.StripeLastOrdinal,            //           mov r10, [r8+StripeLastOrdinal]
        0x49, 0xFF, 0xC2,                                          //           inc r10
        0x4C, 0x89, 0xD7,                                          //           mov rdi, r10
        0x48, 0xC1, 0xEF, 0x13,                                    //           shr rdi, 19
        0x8B, 0x53, HookLayout.ThreadClockTick,                    //           mov edx, [rbx+ThreadClockTick]
        0x81, 0xE2, 0xFF, 0xFF, 0xFF, 0x07,                        //           and edx, 0x7FFFFFF
        0x39, 0xD7,                                                //           cmp edi, edx
        0x75, 0x73,                                                //           jne finish
        0x49, 0x89, 0xCB,                                          //           mov r11, rcx
        0x49, 0xC1, 0xE3, 0x04,                                    //           shl r11, 4
        0x4D, 0x03, 0x5C, 0x24, HookLayout.Entries,                //           add r11, [r12+Entries]

        // Take the entry, fill it, its state with the last store.
        0x41, 0x8B, 0x53, 0x08,                                    //           mov edx, [r11+8]
        0x41, 0x89, 0x50, HookLayout.StripeFreeHead,               //           mov [r8+StripeFreeHead], edx
        0x41, 0xFF, 0x48, HookLayout.StripeFreeCount,              //           dec dword [r8+StripeFreeCount]
        0x4D, 0x89, 0x50, HookLayout.StripeLastOrdinal,            //           mov [r8+StripeLastOrdinal], r10
        0x48, 0x8B, 0x53, HookLayout.ThreadMemo,                   //           mov rdx, [rbx+ThreadMemo]
        0x8B, 0x7A, HookLayout.MemoSite,                           //           mov edi, [rdx+MemoSite]
        0x4C, 0x89, 0xD2,                                          //           mov rdx, r10
        0x48, 0xC1, 0xE2, 0x14,                                    //           shl rdx, 20
        0x48, 0x09, 0xFA,                                          //           or rdx, rdi
        0x49, 0x89, 0x13,                                          //           mov [r11], rdx
        0x49, 0xC1, 0xEA, 0x2C,                                    //           shr r10, 44
        0x41, 0xC1, 0xE2, 0x1E,                                    //           shl r10d, 30
        0x44, 0x0B, 0x14, 0x24,                                    //           or r10d, [rsp]
        0x8B, 0x7B, HookLayout.ThreadLive,                         //           mov edi, [rbx+ThreadLive]
        0x48, 0xC1, 0xE7, 0x20,                                    //           shl rdi, 32
        0x4C, 0x09, 0xD7,                                          //           or rdi, r10
        0x49, 0x89, 0x7B, 0x08,                                    //           mov [r11+8], rdi

        // Show it. Order: the exchange releases a live record, as in RecordStore.Insert.
        0x89, 0xC7,                                                //           mov edi, eax
        0x83, 0xE7, 0x30,                                          //           and edi, 0x30
        0xC1, 0xE7, 0x19,                                          //           shl edi, 25
        0x09, 0xCF,                                                //           or edi, ecx
        0x48, 0x89, 0xC2,                                          //           mov rdx, rax
        0x31, 0xC0,                                                //           xor eax, eax
        0xF0, 0x0F, 0xB1, 0x3E,                                    //           lock cmpxchg [rsi], edi
        0x48, 0x89, 0xD0,                                          //           mov rax, rdx
        0x75, 0x13,                                                //           jne lost
        0x49, 0xFF, 0x40, HookLayout.StripeAllocated,              //           inc qword [r8+StripeAllocated]
        0x48, 0x8B, 0x0C, 0x24,                                    //           mov rcx, [rsp]
        0x49, 0x01, 0x48, HookLayout.StripeAllocatedBytes,         //           add [r8+StripeAllocatedBytes], rcx
        0x5F,                                                      //           pop rdi
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx
        0xC3,                                                      //           ret

        // The block is there and not recorded; from lost on, the record in ecx is filled and finds its place taken.
        0x31, 0xC9,                                                // finish:   xor ecx, ecx
        0x48, 0x89, 0xC7,                                          // lost:     mov rdi, rax
        0x89, 0xCA,                                                //           mov edx, ecx
        0x5E,                                                      //           pop rsi
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx
        0x48, 0x89, 0xE9,                                          //           mov rcx, rbp
        0x4C, 0x8B, 0x04, 0x24,                                    //           mov r8, [rsp]
        0xFF, 0x25, 0x00, 0x00, 0x00, 0x00,                        //           jmp qword [rip+0]
        0, 0, 0, 0, 0, 0, 0, 0,                                    //           the address it jumps to

        // The words have moved, or nobody knows where they are: has the clock?
        0x48, 0x83, 0xEC, 0x10,                                    // ask:      sub rsp, 16
        0x48, 0x89, 0xE6,                                          //           mov rsi, rsp
        0xBF, 0x06, 0x00, 0x00, 0x00,                              //           mov edi, 6
        0x41, 0xFF, 0x54, 0x24, HookLayout.Clock,                  //           call [r12+Clock]
        0x59,                                                      //           pop rcx
        0x5A,                                                      //           pop rdx
        0x48, 0x8B, 0x3C, 0x24,                                    //           mov rdi, [rsp]
        0x48, 0x3B, 0x4B, HookLayout.ThreadClock,                  //           cmp rcx, [rbx+ThreadClock]
        0x75, 0x0A,                                                //           jne failed
        0x48, 0x3B, 0x53, HookLayout.ThreadClockNanoseconds,       //           cmp rdx, [rbx+ThreadClockNanoseconds]
        0x0F, 0x84, 0x99, 0xFE, 0xFF, 0xFF,                        //           je stands

        // No memory, or a new reading of the clock: the body does it all.
        0x5F,                                                      // failed:   pop rdi
        0x41, 0x5C,                                                //           pop r12
        0x5B,                                                      //           pop rbx

        // Nothing was changed: the body does it all.
        0x48, 0x89, 0xEE,                                          // slow:     mov rsi, rbp
        0x48, 0x8B, 0x14, 0x24,                                    //           mov rdx, [rsp]
        0xFF, 0x25, 0x00, 0x00, 0x00, 0x00,                        //           jmp qword [rip+0]
        0, 0, 0, 0, 0, 0, 0, 0,                                    //           the address it jumps to
    ];

    /// <summary>Writes the stub.</summary>
    /// <param name="destination">At least <see cref="MaximumHookByteCount"/> bytes.</param>
    /// <param name="slotOffset"><see cref="ThreadSlot.Offset"/>; not 0.</param>
    /// <param name="context">Where <see cref="HookLayout"/> finds what is the same for all threads.</param>
    /// <param name="body">void* (size_t byteCount, frame pointer, return address): does all of it.</param>
    /// <param name="finish">void* (void* block, size_t byteCount, entry or 0, frame pointer, return address): records a block
    /// that is there; entry: its record, filled and live, for which there is no place in its slot.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteHookMalloc(Span<byte> destination, int slotOffset, nint context, nint body, nint finish)
    {
        HookMallocCode.CopyTo(destination);
        BinaryPrimitives.WriteInt32LittleEndian(destination[HookMallocSlot..], slotOffset);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookMallocContext..], context);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookMallocFinish..], finish);
        BinaryPrimitives.WriteInt64LittleEndian(destination[HookMallocBody..], body);
        return HookMallocCode.Length;
    }
}
