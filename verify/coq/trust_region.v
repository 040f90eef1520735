(** Machine-checked proofs for docs/theory.md: the knapsack's optimality (section 3); f >= 0, hence monotone improvement
    in every state without a ratio test (section 4); the contraction of a step that takes a share of the greedy one
    (section 10).

    Zhao, Li and Wen, arXiv 1911.11640, eq. (3.6).  States are 0 .. S-1, actions 0 .. A-1.  A policy is a function
    pi s a, a visitation rho s, an advantage Adv s a.  Nothing is assumed but what each theorem says; the last lines print
    the axioms, which are those of the real numbers of the standard library.

    Check with Coq 8.16 or newer:  coqc verify/coq/trust_region.v *)

Require Import Reals Lra Lia Arith.
Open Scope R_scope.

(** * Finite sums *)

Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => sum m f + f m
  end.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof. induction n; intros H; simpl; [lra | rewrite IHn, H; auto; intros; apply H; lia]. Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n; intros H; simpl; [lra |].
  assert (sum n f <= sum n g) by (apply IHn; intros; apply H; lia).
  assert (f n <= g n) by (apply H; lia). lra.
Qed.

Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n; simpl; [lra | rewrite IHn; lra]. Qed.

Lemma sum_minus n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n; simpl; [lra | rewrite IHn; lra]. Qed.

Lemma sum_scale n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n; simpl; [lra | rewrite IHn; lra]. Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof.
  intros H. replace 0 with (sum n (fun _ => 0)).
  - now apply sum_le.
  - clear H. induction n; simpl; lra.
Qed.

(** A sum in which one term is replaced. *)
Lemma sum_replace n f g k :
  (k < n)%nat -> (forall i, (i < n)%nat -> i <> k -> g i = f i) -> sum n g = sum n f + (g k - f k).
Proof.
  induction n; intros Hk H; [lia |]. simpl.
  destruct (Nat.eq_dec k n) as [-> | Hne].
  - rewrite (sum_ext n g f); [lra |]. intros i Hi. apply H; lia.
  - rewrite IHn; [| lia | intros; apply H; lia]. rewrite (H n); [lra | lia | lia].
Qed.

(** A finite list of numbers has a least one. *)
Lemma least n (v : nat -> R) : (0 < n)%nat -> exists k, (k < n)%nat /\ forall i, (i < n)%nat -> v k <= v i.
Proof.
  induction n; intros H; [lia |].
  destruct (Nat.eq_dec n 0) as [-> | Hn].
  - exists 0%nat. split; [lia |]. intros i Hi. replace i with 0%nat by lia. lra.
  - destruct IHn as [k [Hk Hmin]]; [lia |].
    destruct (Rle_lt_dec (v k) (v n)) as [Hle | Hlt].
    + exists k. split; [lia |]. intros i Hi.
      destruct (Nat.eq_dec i n) as [-> | Hne]; [lra | apply Hmin; lia].
    + exists n. split; [lia |]. intros i Hi.
      destruct (Nat.eq_dec i n) as [-> | Hne]; [lra |].
      assert (v k <= v i) by (apply Hmin; lia). lra.
Qed.

Definition pos (x : R) : R := Rmax x 0.

Lemma pos_ge x : x <= pos x.
Proof. apply Rmax_l. Qed.

Lemma pos_nonneg x : 0 <= pos x.
Proof. apply Rmax_r. Qed.

(** * Section 3: the knapsack *)

(** Weak duality.  n pairs with gaps G and capacities c = rho pi_k; u is what is spent on each. *)
Theorem knapsack_bound n (G c u : nat -> R) (lambda delta : R) :
  0 <= lambda ->
  (forall i, (i < n)%nat -> 0 <= u i <= c i) ->
  sum n u <= delta ->
  sum n (fun i => u i * G i) <= lambda * delta + sum n (fun i => c i * pos (G i - lambda)).
Proof.
  intros Hl Hu Hd.
  apply Rle_trans with (lambda * sum n u + sum n (fun i => c i * pos (G i - lambda))).
  - rewrite <- sum_scale, <- sum_plus. apply sum_le. intros i Hi. destruct (Hu i Hi) as [H0 H1].
    assert (u i * (G i - lambda) <= u i * pos (G i - lambda))
      by (apply Rmult_le_compat_l; [lra | apply pos_ge]).
    assert (u i * pos (G i - lambda) <= c i * pos (G i - lambda))
      by (apply Rmult_le_compat_r; [apply pos_nonneg | lra]).
    lra.
  - assert (lambda * sum n u <= lambda * delta) by (now apply Rmult_le_compat_l). lra.
Qed.

(** The threshold rule attains the bound: what lies above the price is emptied, what lies below is left alone, and the
    budget is used up unless its price is zero. *)
Theorem threshold_attains n (G c u : nat -> R) (lambda delta : R) :
  (forall i, (i < n)%nat -> lambda < G i -> u i = c i) ->
  (forall i, (i < n)%nat -> G i < lambda -> u i = 0) ->
  (sum n u = delta \/ lambda = 0) ->
  sum n (fun i => u i * G i) = lambda * delta + sum n (fun i => c i * pos (G i - lambda)).
Proof.
  intros Hfull Hnone Hbudget.
  assert (Hsum : sum n (fun i => u i * G i) = lambda * sum n u + sum n (fun i => c i * pos (G i - lambda))).
  { rewrite <- sum_scale, <- sum_plus. apply sum_ext. intros i Hi. unfold pos, Rmax.
    destruct (Rle_dec (G i - lambda) 0) as [Hle | Hgt].
    - destruct (Req_dec (G i) lambda) as [-> | Hne]; [lra |].
      rewrite (Hnone i Hi) by lra. lra.
    - rewrite (Hfull i Hi) by lra. lra. }
  rewrite Hsum. destruct Hbudget as [-> | ->]; lra.
Qed.

(** So the threshold rule is optimal among all ways to spend the budget. *)
Corollary threshold_optimal n (G c u w : nat -> R) (lambda delta : R) :
  0 <= lambda ->
  (forall i, (i < n)%nat -> lambda < G i -> u i = c i) ->
  (forall i, (i < n)%nat -> G i < lambda -> u i = 0) ->
  (sum n u = delta \/ lambda = 0) ->
  (forall i, (i < n)%nat -> 0 <= w i <= c i) ->
  sum n w <= delta ->
  sum n (fun i => w i * G i) <= sum n (fun i => u i * G i).
Proof. intros. rewrite (threshold_attains n G c u lambda delta) by auto. now apply knapsack_bound. Qed.

(** In one state a new policy q gains no more than the masses that it moves, each at its gap; best is the largest
    advantage.  So every feasible policy of (3.6) is a way to spend the budget. *)
Theorem gain_of_moved n (p q Adv : nat -> R) (best : R) :
  sum n p = 1 -> sum n q = 1 ->
  (forall a, (a < n)%nat -> Adv a <= best) ->
  sum n (fun a => (q a - p a) * Adv a) <= sum n (fun a => pos (p a - q a) * (best - Adv a)).
Proof.
  intros Hp Hq Hbest.
  replace (sum n (fun a => (q a - p a) * Adv a)) with (sum n (fun a => (p a - q a) * (best - Adv a))).
  - apply sum_le. intros a Ha. apply Rmult_le_compat_r; [specialize (Hbest a Ha); lra | apply pos_ge].
  - transitivity (sum n (fun a => best * (p a - q a) + (q a - p a) * Adv a)).
    + apply sum_ext. intros. ring.
    + rewrite sum_plus, sum_scale, sum_minus, Hp, Hq. ring.
Qed.

(** And what they move is the total variation: half of the absolute differences. *)
Theorem moved_is_total_variation n (p q : nat -> R) :
  sum n p = 1 -> sum n q = 1 -> sum n (fun a => pos (p a - q a)) = sum n (fun a => Rabs (p a - q a)) / 2.
Proof.
  intros Hp Hq.
  assert (H : sum n (fun a => 2 * pos (p a - q a)) = sum n (fun a => Rabs (p a - q a) + (p a - q a))).
  { apply sum_ext. intros a _. unfold pos, Rmax, Rabs.
    destruct (Rle_dec (p a - q a) 0); destruct (Rcase_abs (p a - q a)); lra. }
  rewrite sum_scale, sum_plus, sum_minus, Hp, Hq in H. lra.
Qed.

(** * Section 4: f >= 0 and monotone improvement *)

Section Improvement.

Variables S A : nat.
Variable gamma : R.
Hypothesis gamma_range : 0 <= gamma < 1.
Variable P : nat -> nat -> nat -> R. (** P s a t *)
Hypothesis P_nonneg : forall s a t, 0 <= P s a t.
Hypothesis P_one : forall s a, (s < S)%nat -> (a < A)%nat -> sum S (P s a) = 1.
Variable r : nat -> nat -> R.

Definition policy (pi : nat -> nat -> R) : Prop :=
  (forall s a, 0 <= pi s a) /\ forall s, (s < S)%nat -> sum A (pi s) = 1.

Definition Q (V : nat -> R) (s a : nat) : R := r s a + gamma * sum S (fun t => P s a t * V t).

(** V is the value of pi: Bellman's equation. *)
Definition value (pi : nat -> nat -> R) (V : nat -> R) : Prop :=
  forall s, (s < S)%nat -> V s = sum A (fun a => pi s a * Q V s a).

Definition Adv (V : nat -> R) (s a : nat) : R := Q V s a - V s.

(** f(s) = sum_a pi'(a|s) A(s,a) *)
Definition f (V : nat -> R) (pi' : nat -> nat -> R) (s : nat) : R := sum A (fun a => pi' s a * Adv V s a).

Definition gain (rho V : nat -> R) (pi' : nat -> nat -> R) : R := sum S (fun s => rho s * f V pi' s).

Definition TV (pi pi' : nat -> nat -> R) (s : nat) : R := sum A (fun a => Rabs (pi' s a - pi s a)) / 2.

Definition feasible (rho : nat -> R) (pi : nat -> nat -> R) (delta : R) (pi' : nat -> nat -> R) : Prop :=
  policy pi' /\ sum S (fun s => rho s * TV pi pi' s) <= delta.

Definition maximiser rho V pi delta pi' : Prop :=
  feasible rho pi delta pi' /\ forall other, feasible rho pi delta other -> gain rho V other <= gain rho V pi'.

(** A policy has no advantage over itself. *)
Lemma f_self pi V s : policy pi -> value pi V -> (s < S)%nat -> f V pi s = 0.
Proof.
  intros [_ Hone] HV Hs. unfold f, Adv.
  rewrite (sum_ext A _ (fun a => pi s a * Q V s a - V s * pi s a)) by (intros; ring).
  rewrite sum_minus, sum_scale, (Hone s Hs), <- (HV s Hs). ring.
Qed.

(** pi' with the state k reset to pi. *)
Definition reset (pi pi' : nat -> nat -> R) (k : nat) : nat -> nat -> R :=
  fun s => if Nat.eq_dec s k then pi s else pi' s.

Lemma reset_at pi pi' k : reset pi pi' k k = pi k.
Proof. unfold reset. destruct (Nat.eq_dec k k); [reflexivity | contradiction]. Qed.

Lemma reset_off pi pi' k s : s <> k -> reset pi pi' k s = pi' s.
Proof. unfold reset. destruct (Nat.eq_dec s k); [contradiction | reflexivity]. Qed.

Lemma reset_policy pi pi' k : policy pi -> policy pi' -> policy (reset pi pi' k).
Proof.
  intros [H0 H1] [H0' H1']. split.
  - intros s a. unfold reset. destruct (Nat.eq_dec s k); auto.
  - intros s Hs. unfold reset. destruct (Nat.eq_dec s k); auto.
Qed.

Lemma TV_nonneg pi pi' s : 0 <= TV pi pi' s.
Proof. unfold TV. assert (0 <= sum A (fun a => Rabs (pi' s a - pi s a))) by (apply sum_nonneg; intros; apply Rabs_pos). lra. Qed.

(** Section 4, statement 1: every maximiser of (3.6) has f >= 0 in every state that pi_k visits. *)
Theorem f_nonneg rho V pi delta pi' :
  policy pi -> value pi V ->
  maximiser rho V pi delta pi' ->
  forall k, (k < S)%nat -> 0 < rho k -> 0 <= f V pi' k.
Proof.
  intros Hpi HV [[Hpi' Hdelta] Hmax] k Hk Hrho.
  destruct (Rle_lt_dec 0 (f V pi' k)) as [| Hneg]; [assumption | exfalso].
  assert (Hgain : gain rho V (reset pi pi' k) = gain rho V pi' - rho k * f V pi' k).
  { unfold gain. rewrite (sum_replace S (fun s => rho s * f V pi' s) _ k Hk).
    - unfold f at 2. rewrite reset_at. fold (f V pi k). rewrite (f_self pi V k) by auto. ring.
    - intros s _ Hne. unfold f. now rewrite reset_off. }
  assert (Hfeasible : feasible rho pi delta (reset pi pi' k)).
  { split; [now apply reset_policy |].
    rewrite (sum_replace S (fun s => rho s * TV pi pi' s) _ k Hk).
    - assert (TV pi (reset pi pi' k) k = 0).
      { unfold TV. rewrite reset_at.
        rewrite (sum_ext A _ (fun _ => 0 * 0)) by (intros; rewrite Rminus_diag_eq, Rabs_R0 by reflexivity; ring).
        rewrite sum_scale. lra. }
      rewrite H. assert (0 <= rho k * TV pi pi' k) by (apply Rmult_le_pos; [lra | apply TV_nonneg]). lra.
    - intros s _ Hne. unfold TV. now rewrite reset_off. }
  assert (0 < rho k * - f V pi' k) by (apply Rmult_lt_0_compat; lra).
  specialize (Hmax _ Hfeasible). lra.
Qed.

(** f >= 0 in every state makes no state worse: no ratio test, and no bound on the step. *)
Theorem monotone pi' V V' :
  policy pi' -> value pi' V' ->
  (forall s, (s < S)%nat -> 0 <= f V pi' s) ->
  forall s, (s < S)%nat -> V s <= V' s.
Proof.
  intros [H0 H1] HV' Hf s Hs.
  destruct (least S (fun t => V' t - V t)) as [k [Hk Hmin]]; [lia |]. simpl in Hmin.
  assert (Hrec : V' k - V k = f V pi' k + gamma * sum A (fun a => pi' k a * sum S (fun t => P k a t * (V' t - V t)))).
  { rewrite (HV' k Hk). unfold f, Adv, Q.
    rewrite <- sum_scale, <- sum_plus.
    replace (V k) with (sum A (fun a => V k * pi' k a)) at 1 by (rewrite sum_scale, (H1 k Hk); ring).
    rewrite <- sum_minus. apply sum_ext. intros a Ha.
    rewrite (sum_ext S (fun t => P k a t * (V' t - V t)) (fun t => P k a t * V' t - P k a t * V t)) by (intros; ring).
    rewrite sum_minus. ring. }
  assert (Hlow : V' k - V k <= sum A (fun a => pi' k a * sum S (fun t => P k a t * (V' t - V t)))).
  { apply Rle_trans with (sum A (fun a => (V' k - V k) * pi' k a)).
    - rewrite sum_scale, (H1 k Hk). lra.
    - apply sum_le. intros a Ha. rewrite Rmult_comm. apply Rmult_le_compat_l; [apply H0 |].
      apply Rle_trans with (sum S (fun t => (V' k - V k) * P k a t)).
      + rewrite sum_scale, (P_one k a Hk Ha). lra.
      + apply sum_le. intros t Ht. rewrite Rmult_comm. apply Rmult_le_compat_l; [apply P_nonneg | now apply Hmin]. }
  assert (Hk0 : 0 <= V' k - V k).
  { specialize (Hf k Hk).
    assert (gamma * (V' k - V k) <= gamma * sum A (fun a => pi' k a * sum S (fun t => P k a t * (V' t - V t))))
      by (apply Rmult_le_compat_l; lra).
    assert (0 <= (1 - gamma) * (V' k - V k)) by lra.
    destruct (Rle_lt_dec 0 (V' k - V k)) as [| Hlt]; [assumption | exfalso].
    assert (0 < (1 - gamma) * - (V' k - V k)) by (apply Rmult_lt_0_compat; lra). lra. }
  specialize (Hmin s Hs). lra.
Qed.

(** Section 4, statement 2: a maximiser of (3.6) makes no state worse, whatever the radius, if rho > 0. *)
Corollary maximiser_improves_every_state rho V pi delta pi' V' :
  policy pi -> value pi V -> value pi' V' ->
  (forall s, (s < S)%nat -> 0 < rho s) ->
  maximiser rho V pi delta pi' ->
  forall s, (s < S)%nat -> V s <= V' s.
Proof.
  intros Hpi HV HV' Hrho Hmax. apply (monotone pi').
  - apply Hmax.
  - assumption.
  - intros s Hs. apply (f_nonneg rho V pi delta); auto.
Qed.

(** The change of the values is at least f. *)
Lemma improvement_at_least_f pi' V V' :
  policy pi' -> value pi' V' ->
  (forall s, (s < S)%nat -> 0 <= f V pi' s) ->
  forall s, (s < S)%nat -> f V pi' s <= V' s - V s.
Proof.
  intros Hpi' HV' Hf s Hs. pose proof Hpi' as [H0 H1].
  assert (Hup : forall t, (t < S)%nat -> V t <= V' t) by (intros; now apply (monotone pi')).
  assert (Hdiff : V' s - V s - f V pi' s = gamma * sum A (fun a => pi' s a * sum S (fun t => P s a t * (V' t - V t)))).
  { rewrite (HV' s Hs). unfold f, Adv, Q.
    rewrite <- sum_scale.
    replace (V s) with (sum A (fun a => V s * pi' s a)) at 1 by (rewrite sum_scale, (H1 s Hs); ring).
    rewrite <- !sum_minus. apply sum_ext. intros a Ha.
    rewrite (sum_ext S (fun t => P s a t * (V' t - V t)) (fun t => P s a t * V' t - P s a t * V t)) by (intros; ring).
    rewrite sum_minus. ring. }
  assert (0 <= sum A (fun a => pi' s a * sum S (fun t => P s a t * (V' t - V t)))).
  { apply sum_nonneg. intros a Ha. apply Rmult_le_pos; [apply H0 |].
    apply sum_nonneg. intros t Ht. apply Rmult_le_pos; [apply P_nonneg | specialize (Hup t Ht); lra]. }
  assert (0 <= gamma * sum A (fun a => pi' s a * sum S (fun t => P s a t * (V' t - V t))))
    by (apply Rmult_le_pos; lra).
  lra.
Qed.

(** Section 10, statement 1: a step that takes the share c of the greedy step in every state contracts the distance to
    Vstar in the maximum norm by 1 - c (1 - gamma).  Of Vstar only Bellman's equation is used: some action attains it. *)
Theorem share_contracts pi' V V' Vstar c x :
  policy pi' -> value pi' V' -> 0 <= c <= 1 ->
  (forall s, (s < S)%nat -> exists a, (a < A)%nat /\ Vstar s = Q Vstar s a) ->
  (forall s, (s < S)%nat -> Vstar s - V s <= x) ->
  (forall s, (s < S)%nat -> 0 <= f V pi' s) ->
  (forall s a, (s < S)%nat -> (a < A)%nat -> c * Adv V s a <= f V pi' s) ->
  forall s, (s < S)%nat -> Vstar s - V' s <= (1 - c * (1 - gamma)) * x.
Proof.
  intros Hpi' HV' Hc Hstar Hx Hf Hshare s Hs.
  destruct (Hstar s Hs) as [a [Ha Heq]].
  assert (Hfs : f V pi' s <= V' s - V s) by (now apply improvement_at_least_f).
  assert (Hadv : Vstar s - V s - gamma * x <= Adv V s a).
  { unfold Adv. rewrite Heq. unfold Q.
    assert (sum S (fun t => P s a t * Vstar t) - sum S (fun t => P s a t * V t) <= x).
    { rewrite <- sum_minus. apply Rle_trans with (sum S (fun t => x * P s a t)).
      - apply sum_le. intros t Ht. specialize (Hx t Ht).
        assert (P s a t * (Vstar t - V t) <= P s a t * x) by (apply Rmult_le_compat_l; [apply P_nonneg | lra]). lra.
      - rewrite sum_scale, (P_one s a Hs Ha). lra. }
    assert (gamma * (sum S (fun t => P s a t * Vstar t) - sum S (fun t => P s a t * V t)) <= gamma * x)
      by (apply Rmult_le_compat_l; lra).
    lra. }
  assert (Hcs : c * (Vstar s - V s - gamma * x) <= c * Adv V s a) by (apply Rmult_le_compat_l; lra).
  specialize (Hshare s a Hs Ha). specialize (Hx s Hs).
  assert ((1 - c) * (Vstar s - V s) <= (1 - c) * x) by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

End Improvement.

Print Assumptions threshold_optimal.
Print Assumptions gain_of_moved.
Print Assumptions maximiser_improves_every_state.
Print Assumptions share_contracts.
